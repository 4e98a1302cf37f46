package caddyfile

import (
	"regexp"
	"slices"
	"strings"
)

// isV2 decides which syntax a text is in: that of v2 as soon as one line can
// only be of v2, else that of v1, which is what texts without either carry.
func isV2(nodes []node) bool {
	for _, n := range nodes {
		if slices.ContainsFunc(n.block, ofV2) && !slices.ContainsFunc(n.block, firmlyV1) {
			return true
		}
	}
	for _, n := range nodes {
		if slices.ContainsFunc(n.block, ofV2) && !slices.ContainsFunc(nodes, func(m node) bool { return slices.ContainsFunc(m.block, firmlyV1) }) {
			return true
		}
	}
	return false
}

// firmlyV1 reports a directive that v2 does not have.
func firmlyV1(n node) bool {
	return slices.Contains([]string{"proxy", "gzip", "timeouts", "status"}, n.name())
}

var argumentOfV2 = regexp.MustCompile(`^[@*]`)

// ofV2 reports a line that v1 would not have had.
func ofV2(n node) bool {
	args := texts(n.args())
	last := ""
	if len(args) > 0 {
		last = args[len(args)-1]
	}
	switch name := n.name(); name {
	case "redir":
		return last == "permanent" || last == "temporary" || last == "html" || len(args) > 0 && argumentOfV2.MatchString(args[0])
	case "rewrite", "root":
		return len(args) > 0 && argumentOfV2.MatchString(args[0])
	case "header":
		return len(args) > 0 && !strings.HasPrefix(args[0], "/") || n.open && len(args) == 0
	case "log":
		return n.open && slices.ContainsFunc(n.block, func(o node) bool { return o.name() == "output" || o.name() == "format" })
	case "tls":
		return len(args) == 1 && args[0] == "internal"
	case "basicauth":
		return len(args) < 2 || slices.Contains(args[:2], "bcrypt") || slices.Contains(args[:2], "argon2id")
	case "templates", "push", "bind", "import":
		return false
	default:
		return strings.HasPrefix(name, "@") || slices.ContainsFunc(directives(), func(u rule) bool { return u.name == name }) || name == "php_fastcgi"
	}
}
