package recette

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
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

// Markdown is the matrix as a page: a table for each world, what proves that
// the faults struck, and why cells did not pass. now is what stale is measured
// from.
func Markdown(r Result, now time.Time) []byte {
	var b strings.Builder
	b.WriteString(preface)
	for _, world := range r.worlds() {
		own := r.of(world)
		fmt.Fprintf(&b, "\n## %s: %s\n\n", world, totals(own.Totals))
		if why := r.Absent[world]; why != "" {
			fmt.Fprintf(&b, "Skipped when this page was written: %s.\n\n", why)
		}
		if len(own.Cells) == 0 {
			continue
		}
		last := newest(own.Cells)
		fmt.Fprintf(&b, "%d of its %d cells; the newest at commit %s on %s.\n\n", len(own.Cells), len(Places(world)), cmp.Or(last.Commit, "unknown"), cmp.Or(day(last), "an unknown day"))
		table(&b, world, own.Cells, func(c Cell) string { return show(c, last, now) })
		proofs(&b, own.Cells)
		for _, c := range own.Cells {
			if c.Verdict != Pass {
				fmt.Fprintf(&b, "\n- %s, %s: %s: %s\n", c.Row, c.Column, c.Verdict, strings.ReplaceAll(c.Reason, "\n", "; "))
			}
		}
	}
	return []byte(b.String())
}

const preface = `# The acceptance matrix

Made by the recette (` + "`make recette` with RECETTE_WRITE=1, or `bin/sim matrix --markdown`" + `); not edited by hand.
Rows are transitions (master/slave, with nodes a to d), columns what goes wrong. Every cell checks every node at rest, delivers all
events again and deploys afresh; on sim the invariants hold after every step. An empty cell: the fault means nothing there, or is not
meant for that world; ·: meant and not played yet. A number is how many runs the cell took. A cell is of the newest commit and day of
its world unless it names its own; *stale*: played more than 30 days ago, or at another commit and more than 7 days before the newest.
`

// day is when a cell was played.
func day(c Cell) string {
	if at := c.played(); !at.IsZero() {
		return at.UTC().Format(time.DateOnly)
	}
	return ""
}

// show is a cell in a table: its verdict, how many runs from five on, and where
// it was played if that is not where the newest was.
func show(c, last Cell, now time.Time) string {
	text := "**" + string(c.Verdict) + "**"
	if c.Verdict == Pass {
		text = "✓"
	}
	if c.Plays > 4 {
		text += fmt.Sprintf(" %d", c.Plays)
	}
	if c.Commit != last.Commit && c.Commit != "" {
		text += " " + c.Commit
	}
	if d := day(c); d != day(last) {
		text += " " + d
	}
	if c.Stale(last, now) {
		text += " *stale*"
	}
	return text
}

// table writes the rows and columns of a world that have cells.
func table(b *strings.Builder, world string, cells []Cell, show func(Cell) string) {
	at := map[string]Cell{}
	rows, columns := map[string]bool{}, map[string]bool{}
	for _, c := range cells {
		at[c.Key()] = c
		rows[c.Row], columns[c.Column] = true, true
	}
	var heads []Column
	for _, c := range Columns() {
		if columns[c.Name] {
			heads = append(heads, c)
		}
	}
	b.WriteString("| transition |")
	for _, c := range heads {
		b.WriteString(" " + c.Name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(heads)) + "\n")
	for _, r := range Rows() {
		if !rows[r.Name] {
			continue
		}
		fmt.Fprintf(b, "| %s |", r.Title)
		for _, c := range heads {
			text := ""
			if cell, ok := at[NewCell(world, r, c).Key()]; ok {
				text = show(cell)
			} else if Meant(world, r, c) {
				text = "·"
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteString("\n")
	}
}

// proofs shows for each column by what one of its faults is known to have
// struck, on the row where most can be seen.
func proofs(b *strings.Builder, cells []Cell) {
	b.WriteString("\nBy what a fault is known to have struck, from one cell of each column:\n\n")
	for _, col := range Columns() {
		var best Cell
		for _, c := range cells {
			if c.Column == col.Name && c.Proof != "" && (best.Proof == "" || c.Row == "a-b_to_b-a") {
				best = c
			}
		}
		if best.Proof != "" {
			fmt.Fprintf(b, "- %s (%s): %s\n", col.Name, best.Row, best.Proof)
		}
	}
}
