package caddyfile

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	hostOK = regexp.MustCompile(`^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	pathOK = regexp.MustCompile(`^(/[A-Za-z0-9._~!$&()+;=:@-]*)*\*?$`)
)

// Address reads the address of a site: the address as the cluster writes it,
// with scheme and the host in lower case, and the host, or host:port, of it. The
// error has no line.
func Address(text string) (address, domain string, err error) {
	u, err := url.Parse(text)
	quoted := fmt.Sprintf("address %q", clip(text))
	switch {
	case strings.Contains(text, "{$") || strings.ContainsAny(text, " \t\"'`\\$<>{}"):
		return "", "", fmt.Errorf("%s is not a URL; a domain is written out, variables come from .env", quoted)
	case !strings.Contains(text, "://"):
		return "", "", fmt.Errorf("%s has no domain; write http:// or https:// and the domain", quoted)
	case err != nil:
		return "", "", fmt.Errorf("%s is not a URL", quoted)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", "", fmt.Errorf("%s begins with neither http:// nor https://", quoted)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(u.Host, ":"):
		return "", "", fmt.Errorf("%s may hold a domain, a port and a path only", quoted)
	}
	host := strings.ToLower(u.Hostname())
	if host == "" {
		return "", "", fmt.Errorf("%s has no domain; write http:// or https:// and the domain", quoted)
	}
	if len(host) > 253 || !hostOK.MatchString(host) {
		return "", "", fmt.Errorf("%s: %q is not a domain (letters, digits and -; others as xn--…)", quoted, clip(host))
	}
	domain, err = port(u, host)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", quoted, err)
	}
	path := u.EscapedPath()
	if path == "/" {
		path = ""
	}
	if !pathOK.MatchString(path) {
		return "", "", fmt.Errorf("%s: %q is not a plain path", quoted, clip(path))
	}
	return u.Scheme + "://" + domain + path, domain, nil
}

// port is the host with its port, without one that the scheme has by itself.
func port(u *url.URL, host string) (string, error) {
	p := u.Port()
	if p == "" {
		return host, nil
	}
	n, err := strconv.Atoi(p)
	own := map[string]int{"http": 80, "https": 443}
	switch {
	case err != nil || n < 1 || n > 65535:
		return "", fmt.Errorf("%q is not a port", clip(p))
	case n == own[u.Scheme]:
		return host, nil
	case n == 80 || n == 443:
		return "", fmt.Errorf("port %d is not %s", n, u.Scheme)
	}
	return host + ":" + strconv.Itoa(n), nil
}

// Domains are the hosts, or host:port, of the site's addresses.
func (s Site) Domains() []string {
	var list []string
	for _, a := range s.Addresses {
		if _, d, err := Address(a); err == nil && !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return list
}
