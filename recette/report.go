package recette

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// JSON is the result for programs: {"totals": {...}, "cells": [...]}. It ends
// with a newline.
func (r Result) JSON() ([]byte, error) {
	if r.Cells == nil {
		r.Cells = []Cell{}
	}
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode the matrix: %w", err)
	}
	return append(data, '\n'), nil
}

// Text is the result for a terminal: how many, and every cell that does not pass.
func Text(r Result) string {
	var b strings.Builder
	plays := 0
	for _, c := range r.Cells {
		plays += c.Plays
		if c.Verdict == Pass {
			continue
		}
		fmt.Fprintf(&b, "%-8s %s, %s (%s)\n         %s\n", c.Verdict, c.Row, c.Column, c.World, strings.ReplaceAll(c.Reason, "\n", "\n         "))
		if c.Replay != "" {
			fmt.Fprintf(&b, "         %s\n", c.Replay)
		}
	}
	fmt.Fprintf(&b, "%d cells, %d plays: %s\n", len(r.Cells), plays, totals(r.Totals))
	return b.String()
}

func totals(t Totals) string {
	return fmt.Sprintf("%d pass, %d fail, %d vacuous, %d skipped", t.Pass, t.Fail, t.Vacuous, t.Skipped)
}

// marks are the verdicts in a table.
func mark(c Cell) string {
	if c.Verdict == Pass {
		return "✓"
	}
	return "**" + string(c.Verdict) + "**"
}

// Markdown is the matrix as a page: a table for each world, and why cells did
// not pass. An empty cell is a fault that means nothing for its transition.
// played says of which commit and when, "" when that is not known.
func Markdown(r Result, played string) []byte {
	var b strings.Builder
	b.WriteString("# The acceptance matrix\n\nMade by the recette (`make recette` with RECETTE_WRITE=1, or `bin/sim matrix --markdown`); not edited by hand.\n" +
		"Rows are transitions (master/slave, with nodes a to d), columns what goes wrong. Every cell checks every node at rest, delivers all\n" +
		"events again, deploys afresh, and holds the invariants after every step. An empty cell: the fault means nothing there. A number is how\n" +
		"many runs the cell took, one for each call at which the node was crashed.\n")
	for _, world := range worlds(r) {
		cells := slices.DeleteFunc(slices.Clone(r.Cells), func(c Cell) bool { return c.World != world })
		sum := Result{Cells: cells}
		sum.Count()
		fmt.Fprintf(&b, "\n## %s: %s\n\n", world, totals(sum.Totals))
		if played != "" {
			fmt.Fprintf(&b, "Played %s.\n\n", played)
		}
		table(&b, cells)
		for _, c := range cells {
			if c.Verdict != Pass {
				fmt.Fprintf(&b, "\n- %s, %s: %s: %s\n", c.Row, c.Column, c.Verdict, strings.ReplaceAll(c.Reason, "\n", "; "))
			}
		}
	}
	return []byte(b.String())
}

func worlds(r Result) []string {
	var all []string
	for _, c := range r.Cells {
		if !slices.Contains(all, c.World) {
			all = append(all, c.World)
		}
	}
	return all
}

func table(b *strings.Builder, cells []Cell) {
	var rows, columns []string
	at := map[string]Cell{}
	for _, c := range cells {
		at[c.Row+"\n"+c.Column] = c
	}
	for _, r := range Rows() {
		if slices.ContainsFunc(cells, func(x Cell) bool { return x.Row == r.Name }) {
			rows = append(rows, r.Name)
		}
	}
	for _, c := range Columns() {
		if slices.ContainsFunc(cells, func(x Cell) bool { return x.Column == c.Name }) {
			columns = append(columns, c.Name)
		}
	}
	titles := map[string]string{}
	for _, r := range Rows() {
		titles[r.Name] = r.Title
	}
	fmt.Fprintf(b, "| transition | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, r := range rows {
		title := titles[r]
		if title == "" {
			title = r
		}
		fmt.Fprintf(b, "| %s |", title)
		for _, c := range columns {
			text := ""
			if cell, ok := at[r+"\n"+c]; ok {
				if text = mark(cell); cell.Plays > 4 {
					text += fmt.Sprintf(" %d", cell.Plays)
				}
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteString("\n")
	}
}
