package git

import (
	"path/filepath"

	"github.com/mlfmonde/cluster/handler/app"
)

// credentialHelper is a constant: git asks it for a password, and it answers
// from the operator's file, whose path comes by the environment. git's own
// store would also delete an entry that a server refused.
const credentialHelper = `!f() { test "$1" = get && test -n "$CLUSTER_CREDENTIALS" && git credential-store --file="$CLUSTER_CREDENTIALS" get; }; f`

// settings hold for every git that is started. The repository is a stranger's:
// nothing of it may run, and nothing but the allowed protocols may be spoken.
func (c Config) settings() []string {
	s := []string{
		"-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=false", "-c", "core.fsmonitor=false",
		"-c", "protocol.allow=never", "-c", "protocol.https.allow=always", "-c", "protocol.ssh.allow=always",
		"-c", "submodule.recurse=false", "-c", "gc.auto=0", "-c", "advice.detachedHead=false",
		"-c", "credential.helper=", "-c", "credential.helper=" + credentialHelper,
		// A server that stalls is given up, whatever the time limit is.
		"-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60",
	}
	if c.AllowHTTP {
		s = append(s, "-c", "protocol.http.allow=always")
	}
	if c.CA != "" {
		s = append(s, "-c", "http.sslCAInfo="+c.CA)
	}
	return s
}

// clone is the command line that fetches a's branch into dir.
func (c Config) clone(a app.App, dir string) []string {
	return append(c.settings(), "clone", "--quiet", "--template=", "--depth=1", "--single-branch", "--no-tags",
		"--no-recurse-submodules", "--branch="+a.Branch, "--", a.Repo, dir)
}

// head is the command line that names the commit of the clone in dir.
func (c Config) head(dir string) []string {
	return append(c.settings(), "-C", dir, "rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}")
}

// environ is the whole environment of git: home is an empty folder.
func (c Config) environ(home string) []string {
	protocols := "https:ssh"
	if c.AllowHTTP {
		protocols += ":http"
	}
	return []string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, "none"), "LC_ALL=C",
		"GIT_ALLOW_PROTOCOL=" + protocols, "GIT_PROTOCOL_FROM_USER=0", "GIT_TERMINAL_PROMPT=0",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1",
		"GIT_ASKPASS=/bin/false", "SSH_ASKPASS=/bin/false", "SSH_ASKPASS_REQUIRE=never",
		"GIT_SSH_COMMAND=" + c.ssh(), "GIT_SSH_VARIANT=ssh",
		"CLUSTER_CREDENTIALS=" + c.Credentials,
	}
}

// ssh is the command that git runs, through a shell, for ssh URLs. It holds
// paths of the configuration only, which New has checked.
func (c Config) ssh() string {
	known := c.KnownHosts
	if known == "" {
		known = "/dev/null"
	}
	line := "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=" + known +
		" -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no -o IdentitiesOnly=yes -o IdentityAgent=none" +
		" -o ForwardAgent=no -o ClearAllForwardings=yes -o PermitLocalCommand=no -o ConnectTimeout=20" +
		" -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
	if c.Key == "" {
		return line + " -o IdentityFile=none"
	}
	return line + " -i " + c.Key
}
