package incident

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
)

//go:embed timeline.html
var timelineText string

// Timeline is the run as one page for a browser, which needs nothing else.
func (r *Recording) Timeline() ([]byte, error) {
	t, err := template.New("timeline").Parse(timelineText)
	if err != nil {
		return nil, fmt.Errorf("draw timeline: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, r.page()); err != nil {
		return nil, fmt.Errorf("draw timeline of %s: %w", r.Play.Name, err)
	}
	return b.Bytes(), nil
}
