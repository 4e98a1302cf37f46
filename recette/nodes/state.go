package nodes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/mlfmonde/cluster/recette"
)

// state is the file of what was played: a line for each cell. A nil state keeps
// nothing.
type state struct {
	file  string
	known map[string]recette.Cell // that passed at this commit
}

// openState reads the file; without resume it begins anew.
func openState(file, commit string, resume bool) (*state, error) {
	if file == "" {
		return nil, nil
	}
	s := &state{file: file, known: map[string]recette.Cell{}}
	if !resume {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("begin anew: %w", err)
		}
		return s, nil
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("resume: %w", err)
	}
	for line := range bytes.Lines(data) {
		var c recette.Cell
		if json.Unmarshal(line, &c) != nil {
			continue // it was being written as the run ended
		}
		if delete(s.known, c.Key()); c.Commit == commit && c.Verdict == recette.Pass {
			s.known[c.Key()] = c
		}
	}
	return s, nil
}

// passed is the cell of a place that need not be played again.
func (s *state) passed(p recette.Place) (recette.Cell, bool) {
	if s == nil {
		return recette.Cell{}, false
	}
	c, ok := s.known[recette.NewCell(recette.WorldNodes, p.Row, p.Column).Key()]
	return c, ok
}

// write adds a cell.
func (s *state) write(c recette.Cell) error {
	if s == nil {
		return nil
	}
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("note a cell: %w", err)
	}
	f, err := os.OpenFile(s.file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("note a cell: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Close())
}
