package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// checkURLs reads CONSUL_CHECK_URLS: a YAML or JSON list.
func (j *judge) checkURLs(path, text string) []string {
	v, err := j.inner(path, text)
	if err != nil {
		j.fail(j.doc.file, err)
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		j.reject(path, 0, `is not a list; write ["http://app.example.com/health"]`)
		return nil
	}
	var urls []string
	for i, e := range list {
		s, ok := e.(string)
		if s = strings.TrimSpace(s); ok && s == "" || e == nil {
			continue
		}
		if !httpURL(s) {
			j.reject(fmt.Sprintf("%s[%d]", path, i), 0, "%q is not an http:// or https:// URL", clip(fmt.Sprint(e)))
			continue
		}
		urls = append(urls, s)
	}
	return urls
}

func httpURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil && !strings.ContainsAny(s, " \n\t")
}

// inner reads YAML that stands inside the compose file, under the same limits.
func (j *judge) inner(path, text string) (any, error) {
	delete(j.doc.keys, path)
	v, err := j.doc.read([]byte(text), path, j.doc.lines[path], j.doc.block[path])
	var f *fault
	if errors.As(err, &f) && f.path == "" {
		f.path, f.line = path, 0
	}
	return v, err
}

// serviceFile reads service.json, which replaces what we would register with
// Consul. Only HTTP and TCP checks pass: Consul runs the others as programs.
func (j *judge) serviceFile(content []byte) json.RawMessage {
	const file = "service.json"
	if len(content) > maxService {
		j.refuseAt(file, "has %d bytes; at most %d KiB are read", len(content), maxService>>10)
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.UseNumber()
	var body map[string]any
	err := dec.Decode(&body)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = errors.New("it has text after the object")
		}
	}
	if err != nil || body == nil {
		j.refuseAt(file, "is not a JSON object: %v", err)
		return nil
	}
	before := len(j.refused)
	for _, key := range sorted(body) {
		j.serviceKey(file+" "+key, key, body[key])
	}
	if name, _ := body["Name"].(string); name == "" {
		j.refuseAt(file+" Name", "is missing; name the service %s", j.name)
	} else if name == "consul" {
		j.refuseAt(file+" Name", "is Consul's own service")
	}
	if len(j.refused) > before {
		return nil
	}
	out, err := json.Marshal(body)
	if err != nil {
		j.refuseAt(file, "cannot be written again: %v", err)
	}
	return out
}

func (j *judge) serviceKey(where, key string, v any) {
	switch key {
	case "Name", "Address":
		j.plainText(where, v)
	case "Tags":
		list, ok := v.([]any)
		if !ok {
			j.refuseAt(where, "is not a list of texts")
		}
		for _, e := range list {
			j.plainText(where, e)
		}
	case "Port", "EnableTagOverride", "Meta", "Weights":
	case "ID":
		j.refuseAt(where, "is not allowed; a service is deregistered by its name")
	case "Check":
		j.check(where, v)
	case "Checks":
		list, ok := v.([]any)
		if !ok {
			j.refuseAt(where, "is not a list of checks")
		}
		for i, c := range list {
			j.check(fmt.Sprintf("%s[%d]", where, i), c)
		}
	default:
		j.refuseAt(where, "is not allowed; use Name, Tags, Meta, Address, Port, Weights, EnableTagOverride, Check and Checks")
	}
}

func (j *judge) plainText(where string, v any) {
	if s, ok := v.(string); !ok || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' }) {
		j.refuseAt(where, "is not a plain text")
	}
}

// check accepts the checks that only look at an address.
func (j *judge) check(where string, v any) {
	c, ok := v.(map[string]any)
	if !ok {
		j.refuseAt(where, "is not an object")
		return
	}
	for _, key := range sorted(c) {
		at := where + "." + key
		switch key {
		case "HTTP":
			if s, _ := c[key].(string); !httpURL(s) {
				j.refuseAt(at, "is not an http:// or https:// URL")
			}
		case "TCP", "Name", "Notes", "Method", "Body", "TLSServerName":
			j.plainText(at, c[key])
		case "Interval", "Timeout", "DeregisterCriticalServiceAfter":
			if s, _ := c[key].(string); !duration(s) {
				j.refuseAt(at, `is not a time such as "60s"`)
			}
		case "Header", "TLSSkipVerify", "SuccessBeforePassing", "FailuresBeforeCritical", "FailuresBeforeWarning":
		default:
			j.refuseAt(at, "is not allowed; only HTTP and TCP checks are")
		}
	}
	if c["HTTP"] == nil && c["TCP"] == nil {
		j.refuseAt(where, "is neither an HTTP nor a TCP check")
	}
}

func duration(s string) bool {
	d, err := time.ParseDuration(s)
	return err == nil && d > 0
}
