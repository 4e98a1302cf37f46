package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/witness"
)

// pushed makes commit the head of a branch, with files when they are known.
func (p *player) pushed(repo, branch, commit string, files map[string]string) {
	content := port.Files{}
	for path, text := range files {
		content[path] = []byte(text)
	}
	p.c.Push(repo, branch, content, Behaviour{})
	p.c.remote(repo).branches[branch].id = commit
	p.unread[commit] = files == nil
}

// beforeCheckout makes the remote as the answer shows it.
func beforeCheckout(p *player, d *deed) []take {
	if d.excused {
		return nil
	}
	a := arg[app.App](p, d, 0)
	head := func(id string) bool {
		k := p.c.remote(a.Repo).branches[a.Branch]
		return k != nil && k.id == id
	}
	r := func(f func(r *remote)) []take {
		return []take{{why: "git server: " + strings.Join(d.Error.Is, " "), do: func() { f(p.c.remote(a.Repo)) }}}
	}
	switch {
	case d.failed("ErrDenied"):
		return r(func(r *remote) { r.denied = true })
	case d.failed("ErrNotFound"):
		return r(func(r *remote) { delete(r.branches, a.Branch) })
	case d.failed():
		return r(func(r *remote) { r.down = true })
	}
	heals := take{do: func() { p.c.remote(a.Repo).denied, p.c.remote(a.Repo).down = false, false }}
	commit := answerOf[string](p, d)
	if head(commit) || p.seed.pushed[a.Repo+" "+a.Branch] {
		return []take{heals}
	}
	return []take{heals, {why: "push", do: func() { p.pushed(a.Repo, a.Branch, commit, nil) }}}
}

// content stands for what a file held: its digest is known, it is not.
func content(d witness.Digest) []byte { return fmt.Appendf(nil, "# %s %d\n", d.SHA256, d.Bytes) }

// digest is what content was made from, or that of real content.
func digest(data []byte) witness.Digest {
	first, _, _ := strings.Cut(string(data), "\n")
	if words := strings.Fields(first); len(words) == 3 && words[0] == "#" && len(words[1]) == 64 {
		if n, err := strconv.Atoi(words[2]); err == nil {
			return witness.Digest{Bytes: n, SHA256: words[1]}
		}
	}
	return witness.Sum(data)
}

func readFiles(p *player, d *deed, was map[string]witness.Digest, is port.Files, v *verdict) {
	dir := arg[string](p, d, 0)
	out := p.c.node(d.Node).disk.checkouts[dir]
	if p.unread[out.commit.id] {
		v.takes = append(v.takes, take{do: func() { p.readFirst(d.Node, dir, was) }})
		return
	}
	for _, path := range slices.Sorted(maps.Keys(was)) {
		data, ok := is[path]
		switch {
		case !ok:
			v.differs("file %s: recorded, the fake does not read it", path)
		case digest(data) != was[path]:
			v.differs("file %s: recorded %v, the fake has %v", path, was[path], digest(data))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(is)) {
		if _, ok := was[path]; !ok {
			v.differs("file %s: the fake reads it, the recording has it not", path)
		}
	}
}

// readFirst gives a commit the files that were read of it, but for what the
// handler writes itself.
func (p *player) readFirst(node, dir string, was map[string]witness.Digest) {
	out := p.c.node(node).disk.checkouts[dir]
	files := port.Files{}
	for path, d := range was {
		if path != app.CanonicalFile {
			files[path] = content(d)
		}
	}
	delete(p.unread, out.commit.id)
	out.commit.files = files
	for _, n := range p.c.nodes {
		for _, other := range n.disk.checkouts {
			if other.commit == out.commit {
				mine := maps.Clone(files)
				maps.Copy(mine, other.files)
				other.files = mine
			}
		}
	}
}

// written are the files of Checkouts.Write. The canonical one is made of what
// running it showed.
func (p *player) written(d *deed) port.Files {
	dir, files := arg[string](p, d, 0), port.Files{}
	for path, sum := range arg[map[string]witness.Digest](p, d, 1) {
		files[path] = content(sum)
		if path == app.CanonicalFile {
			files[path] = append(files[path], p.compose(dir)...)
		}
	}
	return files
}

// compose is a compose file for which the fakes do what the real tools did.
func (p *player) compose(dir string) []byte {
	r := p.seed.releases[dir]
	if len(r.services) == 0 { // none was ever built: what it holds makes no difference but that it is built
		r.services = map[string]string{"app": ""}
	}
	var b strings.Builder
	b.WriteString("services:\n")
	for _, name := range slices.Sorted(maps.Keys(r.services)) {
		fmt.Fprintf(&b, "  %s:\n    image: %s-%s:%s\n    build: .\n    restart: unless-stopped\n    container_name: %s\n", name, r.project, name, r.id, cmp.Or(r.services[name], r.project+"-"+name+"-1"))
		if r.checked[name] {
			b.WriteString("    healthcheck: {test: [CMD, \"true\"]}\n")
		}
		fmt.Fprintf(&b, "    labels:\n      %s: app\n      %s: \"%d\"\n    volumes:\n", app.LabelApp, app.LabelSeq, r.seq)
		for i := range r.volumes {
			fmt.Fprintf(&b, "      - v%d:/v%d\n", i, i)
		}
		fmt.Fprintf(&b, "      - {type: bind, source: %s/%s.%d, target: /lease, read_only: true}\n", app.LeaseRoot, r.project, r.seq)
	}
	b.WriteString("volumes:\n")
	for i, v := range r.volumes {
		fmt.Fprintf(&b, "  v%d: {name: %s, driver: \"anybox/buttervolume\"}\n", i, v)
	}
	return []byte(b.String())
}

func listCheckouts(p *player, d *deed, was, is []string, v *verdict) {
	p.names(d, "checkout", was, is, v, func(dir string) {
		k := &commit{id: "found " + dir, files: port.Files{}}
		p.unread[k.id] = true
		p.c.node(d.Node).disk.checkouts[dir] = &checkout{commit: k, files: port.Files{app.CanonicalFile: p.compose(dir)}}
	}, func(dir string) { delete(p.c.node(d.Node).disk.checkouts, dir) })
}

// behaves changes how the commit in a stack's checkout behaves, as the answer
// to d shows.
func (p *player) behaves(d *deed, s app.Stack, why string, f func(*Behaviour)) []take {
	if p.c.node(d.Node).disk.checkouts[s.Dir] == nil {
		return nil
	}
	return []take{{why: why, do: func() {
		if out := p.c.node(d.Node).disk.checkouts[s.Dir]; out != nil {
			f(&out.commit.how)
		}
	}}}
}

func beforePull(p *player, d *deed) []take {
	if !d.plainly() && !d.failed("ErrNotFound", "ErrDenied") {
		return nil
	}
	return p.behaves(d, arg[app.Stack](p, d, 0), "pull failed", func(b *Behaviour) { b.PullFails = true })
}

func beforeBuild(p *player, d *deed) []take {
	if !d.plainly() {
		return nil
	}
	return p.behaves(d, arg[app.Stack](p, d, 0), "build failed", func(b *Behaviour) { b.BuildFails = true })
}

func beforeScript(p *player, d *deed) []take {
	x := arg[port.Script](p, d, 0)
	fails := d.plainly()
	why := ""
	if fails {
		why = "script failed"
	}
	return p.behaves(d, x.Stack, why, func(b *Behaviour) { b.UpdateFails, b.MigrateFails = fails, fails })
}

// built compares the services. Their ids are the build's own: equal builds may
// or may not have the same.
func built(p *player, d *deed, was, is map[string]string, v *verdict) {
	if a, b := sortedKeys(was), sortedKeys(is); !slices.Equal(a, b) {
		v.differs("services: recorded %v, the fake builds %v", a, b)
		return
	}
	s := arg[app.Stack](p, d, 0)
	v.takes = append(v.takes, take{do: func() {
		n := p.c.node(d.Node)
		_, file, err := n.stack(s)
		if err != nil {
			return
		}
		for _, svc := range file.services {
			n.docker.tag(s.ID, svc.ref(s.Project, s.ID), p.image(was[svc.name], n.disk.checkouts[s.Dir].commit))
		}
	}})
}

// image is the image of a recorded id.
func (p *player) image(id string, k *commit) *image {
	if p.c.images[id] == nil {
		p.c.images[id] = &image{id: id, commit: k}
	}
	return p.c.images[id]
}

// beforeUp lets the images exist that a release of before the recording has.
func beforeUp(p *player, d *deed) []take {
	s := arg[app.Stack](p, d, 0)
	key := "images " + d.Node + " " + s.ID
	n := p.c.node(d.Node)
	if p.seen[key] || n.disk.checkouts[s.Dir] == nil || !strings.HasPrefix(n.disk.checkouts[s.Dir].commit.id, "found ") {
		return nil
	}
	return []take{{why: "images found at the first start", do: func() {
		p.seen[key] = true
		n := p.c.node(d.Node)
		for service, id := range s.Images {
			n.docker.tag(s.ID, s.Project+"-"+service+":"+s.ID, p.image(id, n.disk.checkouts[s.Dir].commit))
		}
	}}}
}

// upStack starts a release. That one does not start may be its own doing: then
// what runs of it is taken as it is seen next.
func upStack(p *player, d *deed) verdict {
	v := acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
		err := w.Stack.Up(ctx, arg[app.Stack](p, d, 0))
		if err == nil && d.plainly() {
			err = errStart
		}
		return err
	})(p, d)
	if d.plainly() && len(v.diffs) == 0 {
		v.takes = append(v.takes, take{why: "start failed", do: func() { p.seen["touched container "+d.Node] = true }})
	}
	return v
}

// errStart stands for the application's own reason.
var errStart = errors.New("it failed, as was recorded")
