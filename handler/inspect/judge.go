package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/mlfmonde/cluster/handler/app"
)

// judge collects what speaks against a checkout while it is read.
type judge struct {
	app      app.App
	name     string // of the app
	project  string
	doc      *document
	drivers  []string
	files    map[string][]byte
	allow    []string // key paths the operator allows
	rules    map[string]rule
	model    *types.Project
	service  string // being judged
	binds    []bind
	refused  []Refusal
	warnings []string
}

// rule judges one value of the resolved model. There is one for each key that
// is allowed at all; a key without a rule is refused.
type rule func(j *judge, path string, v reflect.Value)

// refuse records a reason that the operator's policy may overrule.
func (j *judge) refuse(path, format string, args ...any) {
	for _, a := range j.allow {
		if path == a || strings.HasPrefix(path, a+".") || strings.HasPrefix(path, a+"[") {
			return
		}
	}
	j.reject(path, 0, format, args...)
}

// reject records a reason that stands whatever the policy says. more is the
// line inside a text, 0 for the text as a whole.
func (j *judge) reject(path string, more int, format string, args ...any) {
	j.refuseAt(j.doc.where(path, more), format, args...)
}

func (j *judge) refuseAt(where, format string, args ...any) {
	r := Refusal{Where: where, Why: fmt.Sprintf(format, args...)}
	if !slices.Contains(j.refused, r) {
		j.refused = append(j.refused, r)
	}
}

// fail records an error of reading file.
func (j *judge) fail(file string, err error) {
	f := j.doc.locate(err)
	if f.line > 0 || file != j.doc.file {
		j.refuseAt(place(file, f.line, f.path), "%s", f.why)
		return
	}
	j.reject(f.path, 0, "%s", f.why)
}

func (j *judge) warn(format string, args ...any) {
	if w := fmt.Sprintf(format, args...); !slices.Contains(j.warnings, w) {
		j.warnings = append(j.warnings, w)
	}
}

var policyPath = regexp.MustCompile(`^(services|volumes|networks|secrets|configs)\.[^\x00-\x20]+$`)

// policy reads the operator's exceptions. A policy that cannot be read is a
// refusal: nobody knows what it meant to allow.
func (j *judge) policy(value []byte) {
	if len(value) == 0 {
		return
	}
	where := "policy/" + j.name
	var p struct {
		Allow []string `json:"allow"`
	}
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		j.refuseAt(where, `is not {"allow": ["services.web.cap_add", …]}: %v`, err)
		return
	}
	if _, err := dec.Token(); err != io.EOF {
		j.refuseAt(where, "has text after the JSON value")
		return
	}
	for _, path := range p.Allow {
		if !policyPath.MatchString(path) {
			j.refuseAt(where, "%q is not a key path such as services.web.cap_add", clip(path))
			return
		}
	}
	j.allow = p.Allow
}

// screen looks at the keys as they are written, before anything is loaded:
// some of the refused ones would make the loader read files or copy at length.
// What it refuses it takes out, so that the rest can still be judged.
func (j *judge) screen(model map[string]any) {
	for _, key := range sorted(model) {
		switch {
		case key == "version", strings.HasPrefix(key, "x-"):
			delete(model, key)
		case key == "name":
			if model[key] != j.project {
				j.reject(key, 0, "is not allowed; the project is called %s", j.project)
			}
			delete(model, key)
		case j.rules[key] == nil:
			j.reject(key, 0, "is not allowed in a compose file of the cluster")
			delete(model, key)
		}
	}
	services, _ := model["services"].(map[string]any)
	for _, name := range sorted(services) {
		service, _ := services[name].(map[string]any)
		for _, key := range sorted(service) {
			path := child(child("services", name), key)
			switch key {
			case "env_file", "extends", "profiles":
				continue
			}
			if strings.HasPrefix(key, "x-") {
				delete(service, key)
			} else if j.rules["services.*."+key] == nil {
				before := len(j.refused)
				j.refuse(path, "is not allowed; ask the operator for an exception in policy/%s", j.name)
				if len(j.refused) > before {
					delete(service, key)
				}
			}
		}
		if e, ok := service["extends"].(map[string]any); ok && e["file"] != nil {
			j.reject("services."+name+".extends.file", 0, "is not allowed; extend a service of this file")
			delete(service, "extends")
		}
	}
}

// walk judges a value of the resolved model and everything below it. pattern
// is the path with every name and index replaced.
func (j *judge) walk(path, pattern string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			j.walk(path, pattern, v.Elem())
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			j.walk(child(path, k.String()), pattern+".*", v.MapIndex(k))
		}
	case reflect.Slice:
		for i := range v.Len() {
			p := fmt.Sprintf("%s[%d]", path, i)
			if r := j.rules[pattern+"[]"]; r != nil {
				r(j, p, v.Index(i))
			} else {
				j.walk(p, pattern+"[]", v.Index(i))
			}
		}
	case reflect.Struct:
		j.fields(path, pattern, v)
	}
}

// fields judges a struct: every field that says anything needs a rule.
func (j *judge) fields(path, pattern string, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || blank(v.Field(i)) {
			continue
		}
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case f.Type == reflect.TypeFor[types.Extensions]():
			continue // x-… keys: dropped from the canonical file
		case f.Anonymous && strings.Contains(options, "inline"):
			j.fields(path, pattern, v.Field(i))
			continue
		case key == "-" || key == "":
			key = f.Name
		}
		p := child(path, key)
		if r := j.rules[child(pattern, key)]; r != nil {
			r(j, p, v.Field(i))
			continue
		}
		j.refuse(p, "is not allowed; ask the operator for an exception in policy/%s", j.name)
	}
}

// blank reports that a field says nothing.
func blank(v reflect.Value) bool {
	if v.Kind() == reflect.Map || v.Kind() == reflect.Slice {
		return v.Len() == 0
	}
	return v.IsZero()
}
