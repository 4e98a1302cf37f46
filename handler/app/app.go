// Package app holds who an application is: the words that every other package
// shares. What comes in are strings from requests and the KV; what goes out are
// values (names, placements, records, operations) and their rules. It does no
// I/O, reads no clock and imports nothing of this module.
package app

import (
	"crypto/md5" // the names of existing clusters contain five digits of it; nothing secret hangs on it
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// FieldError says which field of a request, record or name is wrong and why.
type FieldError struct {
	Field string // JSON key of the offending field
	Why   string // what is wrong and the way out
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Why }

func wrong(field, format string, args ...any) error {
	return &FieldError{Field: field, Why: fmt.Sprintf(format, args...)}
}

// App is one application: a branch of a git repository. Repo is normalised
// (trimmed, without a final ".git"). Make it with [Parse]; the zero App has no name.
type App struct {
	Repo   string `json:"repo"`
	Branch string `json:"branch"`
}

var (
	branchOK = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$`)
	hostOK   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	userOK   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	portOK   = regexp.MustCompile(`^[0-9]{1,5}$`)
	pathOK   = regexp.MustCompile(`^[A-Za-z0-9_~][A-Za-z0-9_.~-]*(/[A-Za-z0-9_~][A-Za-z0-9_.~-]*)*$`)
	scpLike  = regexp.MustCompile(`^([^/:@]+)@([^/:@]+):([^:].*)$`)
	nodeOK   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$`)
	idOK     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)
)

// Parse checks a repository URL and a branch and returns the App they name.
// The rules are an allow-list (threat 1 and 6): scheme https, ssh or http, or
// user@host:path; no credentials, query or fragment; a branch of letters,
// digits and ". _ / -" that git accepts as a ref. Errors are [*FieldError].
func Parse(repo, branch string) (App, error) {
	r, err := parseRepo(repo)
	if err != nil {
		return App{}, err
	}
	b := strings.TrimSpace(branch)
	if err := checkBranch(b); err != nil {
		return App{}, err
	}
	a := App{Repo: r, Branch: b}
	if len(a.Name()) > 120 {
		return App{}, wrong("branch", "repository name and branch together are too long (%d characters in %q, at most 120)", len(a.Name()), a.Name())
	}
	return a, nil
}

func parseRepo(repo string) (string, error) {
	r := strings.TrimSuffix(strings.TrimSpace(repo), ".git")
	if r == "" {
		return "", wrong("repo", "is empty; give the URL of a git repository, such as https://git.example.com/team/app")
	}
	if len(r) > 300 {
		return "", wrong("repo", "is longer than 300 characters")
	}
	user, host, port, path := "", "", "", ""
	if m := scpLike.FindStringSubmatch(r); m != nil && !strings.Contains(r, "://") {
		user, host, path = m[1], m[2], strings.Trim(m[3], "/")
	} else {
		u, err := url.Parse(r)
		if err != nil {
			return "", wrong("repo", "is not a URL")
		}
		switch u.Scheme {
		case "https", "http", "ssh":
		case "":
			return "", wrong("repo", "has no scheme; use https://, ssh:// or user@host:path")
		default:
			return "", wrong("repo", "scheme %q is not allowed; use https or ssh", u.Scheme)
		}
		if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery || u.Opaque != "" || strings.ContainsAny(r, "#?") {
			return "", wrong("repo", "has a query or fragment; give the plain URL of the repository")
		}
		if u.User != nil {
			if _, has := u.User.Password(); has || u.Scheme != "ssh" {
				return "", wrong("repo", "carries credentials; put them in the handler's credentials file")
			}
			user = u.User.Username()
		}
		host, port, path = u.Hostname(), u.Port(), strings.Trim(u.EscapedPath(), "/")
		if strings.HasSuffix(u.Host, ":") {
			return "", wrong("repo", "has an empty port")
		}
	}
	switch {
	case user != "" && !userOK.MatchString(user):
		return "", wrong("repo", "user %q has characters that are not allowed", user)
	case !hostOK.MatchString(host):
		return "", wrong("repo", "host %q is not a host name", host)
	case port != "" && !portOK.MatchString(port):
		return "", wrong("repo", "port %q is not a number", port)
	case !pathOK.MatchString(path) || strings.Contains(path, ".."):
		return "", wrong("repo", "path %q has characters or segments that are not allowed (letters, digits, ., _, ~ and - only)", path)
	}
	if scheme, rest, ok := strings.Cut(r, "://"); ok { // HTTP:// is http:// to git's allow-list and to Insecure
		r = strings.ToLower(scheme) + "://" + rest
	}
	return r, nil // with a final slash: existing names hash it
}

func checkBranch(b string) error {
	switch {
	case b == "":
		return wrong("branch", "is empty; name a branch or a tag")
	case !branchOK.MatchString(b):
		return wrong("branch", "%q is not allowed (letters, digits and . _ / - only, first a letter or digit, at most 100)", b)
	case strings.Contains(b, ".."), strings.Contains(b, "//"), strings.HasSuffix(b, "/"), strings.HasSuffix(b, "."),
		strings.HasSuffix(b, ".lock"), strings.Contains(b, ".lock/"), strings.Contains(b, "/."), strings.Contains(b, "./"):
		return wrong("branch", "%q is not a name that git accepts for a branch", b)
	}
	return nil
}

// Insecure reports whether the repository is reached by plain http.
func (a App) Insecure() bool { return strings.HasPrefix(strings.ToLower(a.Repo), "http://") }

// Name is the application's key in the KV: repository name, branch and five
// digits of the path's md5, as existing clusters have it. Characters of the
// branch outside [A-Za-z0-9._-] become "-".
func (a App) Name() string {
	low := strings.ToLower(a.Repo)
	path := low
	if u, err := url.Parse(low); err == nil && u.Scheme != "" {
		path = u.Path
	}
	sum := md5.Sum([]byte(path))
	trimmed := strings.Trim(low, "/")
	name := trimmed[strings.LastIndexAny(trimmed, "/:")+1:]
	if i := strings.LastIndex(trimmed, "/"); i >= 0 {
		name = trimmed[i+1:]
	}
	if a.Branch != "" {
		name += "_" + inName(a.Branch)
	}
	return name + "." + hex.EncodeToString(sum[:])[:5]
}

// inName is branch with "-" for every character outside [A-Za-z0-9._-].
func inName(branch string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("._-", c):
			return c
		}
		return '-'
	}, branch)
}

// Project is the Compose project of an application called name: the name
// without every character outside [a-z0-9] (upper-case letters vanish).
// Two names with one project cannot live side by side.
func Project(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, name)
}

// Project is [Project] of the app's name.
func (a App) Project() string { return Project(a.Name()) }

// Volume is the full name of the compose file's volume key.
func (a App) Volume(key string) string { return a.Project() + "_" + key }

// Container is the name Compose v2 gives to the first container of a service.
func (a App) Container(service string) string { return a.Project() + "-" + service + "-1" }

// CheckNode refuses a string that cannot be the name of a node.
func CheckNode(field, node string) error {
	if !nodeOK.MatchString(node) {
		return wrong(field, "%q is not the name of a node", node)
	}
	return nil
}

// CheckID refuses a string that cannot be the id of a request or an operation:
// it becomes part of a directory name and of KV keys.
func CheckID(field, id string) error {
	if !idOK.MatchString(id) {
		return wrong(field, "%q is not an id (letters, digits and -, at most 64)", id)
	}
	return nil
}
