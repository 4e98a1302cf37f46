package haproxy

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	alert   = regexp.MustCompile(`^\[ALERT\]\s+\(\d+\) : (?:config : )?(.*)$`)
	leading = regexp.MustCompile(`^[Pp]arsing (line "(?:[^"]|"[^:])*")\s*:\s*`)
)

// said is the first reason that HAProxy gives for not taking text, which it
// read from file; "" when the output has none. Instead of the file's name and a
// number the line itself is quoted: nobody else has seen that file.
func said(output, file string, text []byte) string {
	at := regexp.MustCompile(`\[?` + regexp.QuoteMeta(file) + `:(\d+)\]?`)
	for line := range strings.Lines(output) {
		m := alert.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || strings.Contains(m[1], "rror(s) found in configuration file") || strings.Contains(m[1], "errors found in configuration") {
			continue
		}
		reason := at.ReplaceAllStringFunc(m[1], func(s string) string {
			return `line "` + lineOf(text, at.FindStringSubmatch(s)[1]) + `"`
		})
		reason = leading.ReplaceAllString(reason, "${1}: ")
		return strings.ReplaceAll(reason, file, "the configuration")
	}
	return ""
}

// lineOf is the line of text with that number.
func lineOf(text []byte, number string) string {
	n, err := strconv.Atoi(number)
	lines := strings.Split(string(text), "\n")
	if err != nil || n < 1 || n > len(lines) {
		return ""
	}
	line := strings.Join(strings.Fields(lines[n-1]), " ")
	if len(line) > 120 {
		line = strings.ToValidUTF8(line[:120], "") + " …"
	}
	return line
}
