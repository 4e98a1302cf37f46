package incident

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim/sched"
)

// Found is what there is to be played again.
type Found struct {
	Play
	Head Head       // of the tape, zero without one
	Tape sched.Tape // nil: there is none
}

// Open reads an incident: its folder, or the plan in it.
func Open(path string, set recette.Setting) (f Found, err error) {
	dir := path
	if info, err := os.Stat(path); err != nil {
		return f, fmt.Errorf("open incident: %w", err)
	} else if !info.IsDir() {
		dir = filepath.Dir(path)
	}
	tape := filepath.Join(dir, TapeFile)
	data, err := os.ReadFile(tape)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return f, fmt.Errorf("open incident: %w", err)
	default:
		if f.Head, f.Tape, err = ReadTape(tape, data); err != nil {
			return f, err
		}
		set.Seed, set.Strict = f.Head.Seed, f.Head.Strict
	}
	if data, err = os.ReadFile(filepath.Join(dir, PlanFile)); err != nil {
		return f, fmt.Errorf("open incident: %w", err)
	}
	f.Play, err = Read(filepath.Join(dir, PlanFile), data, set)
	f.Name = filepath.Base(dir)
	return f, err
}

// IsIncident reports that path is the folder of an incident, or the plan in one.
func IsIncident(path string) bool {
	if filepath.Base(path) == PlanFile {
		path = filepath.Dir(path)
	}
	_, err := os.Stat(filepath.Join(path, TapeFile))
	return err == nil
}

// Read reads a plan: a scenario, which is played with set where it says
// nothing itself, or one turn of a cell. name is for errors.
func Read(name string, plan []byte, set recette.Setting) (Play, error) {
	if isCell(plan) {
		c, err := readCell(name, plan)
		if err != nil {
			return Play{}, err
		}
		p, err := c.Play()
		if err != nil {
			return p, fmt.Errorf("%s: %w: %w", name, recette.ErrUsage, err)
		}
		return p, nil
	}
	sc, err := recette.ParseScenario(name, plan)
	if err != nil {
		return Play{}, err
	}
	return OfScenario(sc, set), nil
}
