package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mlfmonde/cluster/handler/app"
)

func wrong(field, format string, args ...any) error {
	return &app.FieldError{Field: field, Why: fmt.Sprintf(format, args...)}
}

// object is one strictly read JSON object: no key twice, no key that nobody
// asked for, keys compared letter by letter, which encoding/json alone does
// not do. Its readers keep the first error in err.
type object struct {
	at     string // path of the object with a final dot, "" at the top
	keys   []string
	fields map[string]json.RawMessage
	err    error
}

// open reads data as one object and nothing after it. what names the whole in
// an error, at goes before the names of its fields.
func open(what, at string, data []byte, limit int) *object {
	o := &object{at: at, fields: map[string]json.RawMessage{}}
	switch {
	case len(data) > limit:
		o.fail(wrong(what, "has %d bytes, at most %d are read", len(data), limit))
	case len(bytes.TrimSpace(data)) == 0:
		o.fail(wrong(what, "is empty; give a JSON object"))
	case !utf8.Valid(data):
		o.fail(wrong(what, "is not valid UTF-8"))
	default:
		o.fail(o.read(what, data))
	}
	return o
}

// read splits data into its fields. The JSON is checked whole before, so that
// the splitting may trust it.
func (o *object) read(what string, data []byte) error {
	if !json.Valid(data) {
		return notJSON(what, data)
	}
	in := scan{data: data}
	if in.next() != '{' {
		return wrong(what, "is not a JSON object; write {\"key\": value, …}")
	}
	for in.at++; in.next() != '}'; {
		name := unquote(in.value())
		in.skip(':')
		value := in.value()
		in.skip(',')
		if _, twice := o.fields[name]; twice {
			return wrong(o.at+printable(name), "is given twice; give it once")
		}
		o.keys = append(o.keys, name)
		o.fields[name] = value
	}
	return nil
}

func notJSON(what string, data []byte) error {
	var whole json.RawMessage
	err := json.Unmarshal(data, &whole)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset >= int64(len(data)) && strings.HasPrefix(syntax.Error(), "unexpected end") {
		return wrong(what, "ends in the middle of the JSON; it was cut short")
	}
	return wrong(what, "is not one JSON object (%v)", err)
}

// unquote is the text of a JSON string that is known to be valid.
func unquote(raw []byte) (s string) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	_ = json.Unmarshal(raw, &s) // no error: it is a valid JSON string
	return s
}

// printable keeps a foreign key readable in an error of one line.
func printable(key string) string {
	if key == "" || len(key) > 40 || strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%.40q", key)
	}
	return key
}

func (o *object) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// only refuses every key that is not named here.
func (o *object) only(known ...string) {
	for _, key := range o.keys {
		if !slices.Contains(known, key) {
			o.fail(wrong(o.at+printable(key), "is not a known field; known here: %s", strings.Join(known, ", ")))
		}
	}
}

func (o *object) has(key string) bool { return o.fields[key] != nil }

// must refuses an object without key.
func (o *object) must(key, what string) bool {
	if o.err == nil && !o.has(key) {
		o.fail(wrong(o.at+key, "is missing; give %s", what))
	}
	return o.err == nil
}

// is decodes key into v when its JSON begins with one of first; a missing key
// leaves v alone.
func (o *object) is(key, first, what string, v any) {
	raw := o.fields[key]
	if o.err != nil || raw == nil {
		return
	}
	if !strings.ContainsRune(first, rune(raw[0])) || json.Unmarshal(raw, v) != nil {
		o.fail(wrong(o.at+key, "is %s, not %s", kindOfJSON(raw), what))
	}
}

func kindOfJSON(raw json.RawMessage) string {
	switch raw[0] {
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return "a number"
}

// prose is the string at key, "" when it is missing.
func (o *object) prose(key string) string {
	raw := o.fields[key]
	if o.err != nil || raw == nil {
		return ""
	}
	if raw[0] != '"' {
		o.fail(wrong(o.at+key, "is %s, not a string", kindOfJSON(raw)))
		return ""
	}
	return unquote(raw)
}

// text is the string at key, without control characters.
func (o *object) text(key string) string {
	s := o.prose(key)
	if o.err == nil && strings.ContainsFunc(s, unicode.IsControl) {
		o.fail(wrong(o.at+key, "%.120q has a control character; take it out", s))
	}
	return s
}

// flag is the boolean at key, def when it is missing.
func (o *object) flag(key string, def bool) bool {
	o.is(key, "tf", "true or false", &def)
	return def
}

// number is the whole number at key, 0 when it is missing.
func (o *object) number(key string) (n int) {
	o.is(key, "0123456789", "a whole number", &n)
	return n
}

// object is the object at key, an empty one when it is missing.
func (o *object) object(key string) *object {
	sub := &object{at: o.at + key + ".", fields: map[string]json.RawMessage{}, err: o.err}
	if raw := o.fields[key]; o.err == nil && raw != nil {
		if raw[0] != '{' {
			sub.err = wrong(o.at+key, "is %s, not an object", kindOfJSON(raw))
			return sub
		}
		sub.err = sub.read(o.at+key, raw)
	}
	return sub
}

// close takes over what went wrong in sub.
func (o *object) close(sub *object) {
	if sub.err != nil {
		o.fail(sub.err)
	}
}
