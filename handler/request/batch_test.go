package request_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/request"
)

type batch struct {
	Says    string
	Batch   json.RawMessage
	Raw     string
	Want    []string // the field at fault of each element, "" for a good one
	Refused string   // the whole is refused
}

func (b batch) stdin() []byte {
	if b.Batch != nil {
		return b.Batch
	}
	return []byte(b.Raw)
}

func TestBatch_EachElementStandsForItself(t *testing.T) {
	for _, c := range fixture[batch](t, "batches.json") {
		t.Run(c.Says, func(t *testing.T) {
			events, err := request.Batch(c.stdin())
			if c.Refused != "" {
				refused(t, err, c.Refused)
				return
			}
			if err != nil || len(events) != len(c.Want) {
				t.Fatalf("got %d events, %v; want %d", len(events), err, len(c.Want))
			}
			for i, e := range events {
				if c.Want[i] != "" {
					refused(t, e.Err, c.Want[i])
				} else if e.Err != nil || e.ID == "" || e.Name == "" || len(e.Payload) == 0 {
					t.Errorf("element %d: %+v", i, e)
				}
				if e.Err != nil && e.Payload != nil {
					t.Errorf("element %d has a fault and a payload", i)
				}
			}
		})
	}
}

func TestBatch_KeepsOrderAndPayload(t *testing.T) {
	var stdin []map[string]any
	for _, p := range []string{"a", `{"x":1}`, "\x00\xff"} {
		stdin = append(stdin, map[string]any{"ID": "id-" + base64.RawURLEncoding.EncodeToString([]byte("x")), "Name": "deploy", "Payload": []byte(p)})
	}
	data, err := json.Marshal(stdin)
	if err != nil {
		t.Fatal(err)
	}
	events, err := request.Batch(data)
	if err != nil || len(events) != 3 {
		t.Fatal(events, err)
	}
	if got := [3]string{string(events[0].Payload), string(events[1].Payload), string(events[2].Payload)}; got != [3]string{"a", `{"x":1}`, "\x00\xff"} {
		t.Errorf("got %q", got)
	}
}

func TestBatch_IsBounded(t *testing.T) {
	_, err := request.Batch(append([]byte("[]"), bytes.Repeat([]byte(" "), request.MaxBatch)...))
	refused(t, err, "batch")
	full := "[" + strings.Repeat(event(300)+",", 255) + event(300) + "]"
	if events, err := request.Batch([]byte(full)); err != nil || len(events) != 256 || events[255].Err != nil {
		t.Errorf("a full ring of 256 events is refused: %d bytes, %v", len(full), err)
	}
}

// event is one element with a payload of n bytes, as Consul 1.22 writes it.
func event(n int) string {
	data := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), n))
	return `{"ID":"` + id + `","Name":"deploy","Payload":"` + data + `","NodeFilter":"","ServiceFilter":"","TagFilter":"","Version":1,"LTime":12}`
}

func TestRef_TakesTheWakeUpOnly(t *testing.T) {
	if got, ok := request.Ref(request.Wake(id)); !ok || got != id {
		t.Errorf("got %q, %v", got, ok)
	}
	if len(request.Wake(strings.Repeat("a", 64))) > 100 {
		t.Error("a wake-up is longer than 100 bytes")
	}
	for _, bad := range []string{"", "null", "{}", `{"ref":""}`, `{"ref":null}`, `{"ref":1}`, `{"ref":"../x"}`, `{"Ref":"a"}`, `{"ref":"a","ref":"b"}`,
		`{"ref":"a","repo":"x"}`, `{"ref":"a"} x`, `{"ref":"a"`, `["a"]`, `"a"`, `{"ref":"a\n"}`, "{\"ref\":\"\xff\"}"} {
		if got, ok := request.Ref([]byte(bad)); ok || got != "" {
			t.Errorf("%s gave %q", bad, got)
		}
	}
}

func FuzzBatch(f *testing.F) {
	for _, c := range fixture[batch](f, "batches.json") {
		f.Add(c.stdin())
	}
	f.Fuzz(func(t *testing.T, stdin []byte) {
		events, err := request.Batch(stdin)
		if err != nil && events != nil {
			t.Error("events beside an error")
		}
		for _, e := range events {
			if e.Err == nil && (e.ID == "" || e.Name == "" || len(e.Payload) == 0) {
				t.Errorf("an empty event without a fault: %+v", e)
			}
		}
	})
}

func BenchmarkBatch_FullRing(b *testing.B) {
	full := []byte("[" + strings.Repeat(event(112)+",", 255) + event(112) + "]")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := request.Batch(full); err != nil {
			b.Fatal(err)
		}
	}
}
