package haproxy

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	readsFile = regexp.MustCompile(`(^|[,\[(])map(_[a-z_]+)?\(`)
	reachesTo = regexp.MustCompile(`(^|[,\[(%{!\s])(env\(|lua\.)`)
)

// sample refuses words that reach out of the app: files of the machine, HAProxy's
// environment, variables that all apps share, scripts.
func sample(word string) (why string) {
	low := strings.ToLower(word)
	switch {
	case word == "-f", word == "-M":
		return word + " reads a file of the machine; write the values"
	case readsFile.MatchString(low):
		return fmt.Sprintf("%q reads a file of the machine; write conditions instead", clip(word))
	case strings.Contains(low, "proc."):
		return fmt.Sprintf("%q is a variable of all apps; use txn., sess., req. or res.", clip(word))
	case reachesTo.MatchString(low):
		return fmt.Sprintf("%q is not allowed to apps", clip(word))
	}
	return ""
}

// samples is sample for each word.
func samples(words []string) (why string) {
	for _, w := range words {
		if why := sample(w); why != "" {
			return why
		}
	}
	return ""
}
