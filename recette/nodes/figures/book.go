package figures

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Options say what is measured, and where it is written.
type Options struct {
	Program string    // path of the program that has the verb probe
	Runs    int       // of each thing; five are the least that is shown as a figure
	Only    []string  // names of [Parts], none: all
	Data    string    // file of the samples: parts that are not measured stay as they are there
	Text    string    // file of the figures in words
	Command string    // how a person gets the same
	Log     io.Writer // what is under way
}

// The parts of the book.
const (
	Outages = "outages" // redeploy and move of a small volume, by the handler and by hand
	Sizes   = "sizes"   // moves of small and large volumes
	Rest    = "rest"    // an agent that has nothing to do
	Edge    = "edge"    // users behind HAProxy and Caddy
)

// Parts lists them in the order in which they are measured.
func Parts() []string { return []string{Outages, Sizes, Rest, Edge} }

// Book is every sample of every part.
type Book struct {
	Parts map[string]*Part `json:"parts"`
}

// Part is what was measured in one go.
type Part struct {
	Date    string   `json:"date"`
	About   About    `json:"about"`
	Command string   `json:"command"`
	Times   string   `json:"times,omitempty"` // durations of the handlers that differ from production's
	Samples []Sample `json:"samples,omitempty"`
	Idle    []Idle   `json:"idle,omitempty"`
	Edge    []Served `json:"edge,omitempty"`
}

// ReadBook reads the samples of earlier runs; a file that is not there is an
// empty book.
func ReadBook(path string) (Book, error) {
	b := Book{Parts: map[string]*Part{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &b)
	}
	if err != nil {
		return b, fmt.Errorf("read samples: %w", err)
	}
	return b, nil
}

// write writes samples and words.
func (b Book) write(o Options) error {
	data, err := json.MarshalIndent(b, "", " ")
	if err == nil {
		err = os.WriteFile(o.Data, append(data, '\n'), 0o644)
	}
	if err == nil {
		err = os.WriteFile(o.Text, []byte(b.Document()), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	return nil
}

func newPart(o Options, about About) *Part {
	return &Part{Date: time.Now().UTC().Format("2006-01-02 15:04Z"), About: about, Command: o.Command, Times: certain}
}
