package request

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/mlfmonde/cluster/handler/app"
)

// Event is one element of Consul's batch. With Err set it is nothing to act
// on; ID and Name are then what could be read of it.
type Event struct {
	ID, Name string
	Payload  []byte
	Err      error // names the element's fault; the other elements are not concerned
}

// Batch reads what Consul's watch writes to its handler: a JSON list of
// events, oldest first. An element that is wrong carries its own error. The
// error returned is for the whole: not a list, cut short or too large.
func Batch(stdin []byte) ([]Event, error) {
	if len(stdin) > MaxBatch {
		return nil, wrong("batch", "has %d bytes, at most %d are read", len(stdin), MaxBatch)
	}
	if len(bytes.TrimSpace(stdin)) == 0 {
		return nil, wrong("batch", "is empty; a Consul watch of type event writes a JSON list to its handler")
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(stdin, &elements); err != nil {
		return nil, wrong("batch", "is not a JSON list of events (%v)", err)
	}
	events := make([]Event, len(elements))
	for i, raw := range elements {
		events[i] = element(raw)
	}
	return events, nil
}

func element(raw json.RawMessage) Event {
	o := open("event", "", raw, MaxBatch)
	o.must("ID", "Consul's event id")
	e := Event{ID: o.text("ID")}
	if o.err == nil {
		o.fail(app.CheckID("ID", e.ID))
	}
	o.must("Name", "deploy, destroy or migrate")
	e.Name = o.text("Name")
	if o.err == nil {
		_, err := known("Name", e.Name)
		o.fail(err)
	}
	e.Payload = payload(o)
	if e.Err = o.err; e.Err != nil {
		e.Payload = nil
	}
	return e
}

func payload(o *object) []byte {
	if o.err != nil {
		return nil
	}
	if raw := o.fields["Payload"]; raw == nil || string(raw) == "null" {
		o.fail(wrong("Payload", "is missing; fire the event with a request: consul event -name=deploy '{…}'"))
		return nil
	}
	text := o.text("Payload")
	if o.err != nil {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		o.fail(wrong("Payload", "is not base64 (%v)", err))
	case len(data) == 0:
		o.fail(wrong("Payload", "is empty; fire the event with a request: consul event -name=deploy '{…}'"))
	case len(data) > MaxPayload:
		o.fail(wrong("Payload", "has %d bytes, at most %d are read", len(data), MaxPayload))
	}
	return data
}

// Ref reads the payload of a wake-up, {"ref":"<id>"} and nothing else: the
// request with that id waits in the KV.
func Ref(payload []byte) (id string, ok bool) {
	o := open("payload", "", payload, MaxPayload)
	o.only("ref")
	o.must("ref", "the id of the request")
	id = o.text("ref")
	if o.err != nil || app.CheckID("ref", id) != nil {
		return "", false
	}
	return id, true
}

// Wake is the payload that [Ref] reads: under 100 bytes, well within Consul's 300.
func Wake(id string) []byte { return []byte(`{"ref":"` + id + `"}`) }
