package recette

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Command is one word of the scenario language.
type Command struct {
	Name  string
	Usage string // arguments
	Help  string
	do    func(s *Scene, ctx context.Context, args []string) error
}

// ErrQuit is what the command quit returns.
var ErrQuit = errors.New("quit")

// ErrUsage wraps errors of a command that was not understood: nothing happened.
var ErrUsage = errors.New("not understood")

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUsage, fmt.Errorf(format, args...))
}

// Commands lists the language, in the order in which help shows it.
func Commands() []Command {
	return slices.Concat(making(), asking(), breaking(), running(), looking())
}

// making says how the cluster is made: lines of a script that are read before
// it begins, wherever they stand.
func making() []Command {
	return []Command{
		{"nodes", "NODE...", "the nodes of a script's cluster (default n1 n2 n3)", tooLate},
		{"seed", "N", "of everything random in a script, but the order of steps", tooLate},
		{"strategy", "fifo | turns | random N | pct N [depth N] [steps N]", "who goes on when several can, for a script; pct changes its mind depth-1 times in so many steps", tooLate},
	}
}

// tooLate refuses a line that says how the cluster is made once it is there.
func tooLate(*Scene, context.Context, []string) error {
	return usage("the cluster is there already; write it into a script")
}

// asking is what operators and users ask for.
func asking() []Command {
	return []Command{
		{"push", "[good|exits|unhealthy|update-fails|migrate-fails|build-fails|pull-fails|slow] [APP] [from DIR] [domain NAME[,NAME]]", "a new commit and how it behaves; from a folder of the scenario's files; the domains that its CADDYFILE names from now on", (*Scene).doPush},
		{"deploy", "APP MASTER [SLAVE] [update] [failover] [adopt] [at NODE]", "ask for a deploy; the event is fired at a node (default: the last)", (*Scene).doDeploy},
		{"destroy", "APP [force] [at NODE]", "ask for a destroy", (*Scene).doDestroy},
		{"migrate", "SOURCE TARGET [update] [at NODE]", "ask for the data of one app in another", (*Scene).doMigrate},
		{"event", "deploy|destroy APP [MASTER [SLAVE]] [at NODE]", "the documented event, whose payload is the whole request", (*Scene).doEvent},
		{"afresh", "[without NODE...]", "every app is deployed once more where it is, on nodes that are there; it must be committed", (*Scene).doAfresh},
		{"redeliver", "[at once]", "every event once more, to every node: nothing changes; at once: in the middle of whatever goes on", (*Scene).doRedeliver},
		{"write", "APP [N]", "users write until N writes are acknowledged", (*Scene).doWrite},
		{"writer", "APP EVERY|off", "a user who writes all the time and notices outages", (*Scene).doWriter},
		{"put", "KEY [VALUE]", "a person sets a key of the KV; without value: deletes it", (*Scene).doPut},
		{"edit", "APP FIELD VALUE", "a person changes a field of the application's record; JSON, or else text", (*Scene).doEdit},
		{"docker", "start|stop NODE [APP]", "a person starts or stops containers by hand", (*Scene).doDocker},
		{"volume", "NODE APP KEY [N]", "a volume with N old records, found on a node", (*Scene).doVolume},
		{"legacy", "APP MASTER [SLAVE]", "an application of the old tool: record, containers and volume, and no operation", (*Scene).doLegacy},
		{"tombstones", "N AGE", "N requests that finished so long ago", (*Scene).doTombstones},
	}
}

// breaking is what goes wrong, and what ends it.
func breaking() []Command {
	return []Command{
		{"fault", "NODE git|consul|agent|docker|driver|disk down|stall|full|up, or NODE CALL PHASE [nth N] [times K|ever] [percent N] [arg TEXT] [for TIME] [down TIME] [guard] [maybe] [then COMMAND]", "something fails now, or at a call; KV.* is every call of that port", (*Scene).doFault},
		{"crash", "NODE [guard]", "the handler dies and stays down", (*Scene).doCrash},
		{"start", "NODE [guard]", "the handler starts", (*Scene).doStart},
		{"plug", "NODE", "pull the plug: a power cut", (*Scene).doPlug},
		{"boot", "NODE", "power is back", (*Scene).doBoot},
		{"freeze", "NODE [handler|guard|machine]", "it stands still (default: the machine)", (*Scene).doFreeze},
		{"thaw", "NODE [handler|guard|machine]", "it goes on", (*Scene).doThaw},
		{"cut", "NODE [NODE|outside] [gossip|consul|ssh|git|http]", "no traffic, both ways; without a channel: none at all", (*Scene).doCut},
		{"join", "NODE [NODE|outside] [gossip|consul|ssh|git|http]", "what was cut is whole again", (*Scene).doJoin},
		{"heal", "[without NODE...]", "no fault, every link, power and process is back; but those nodes are without power for ever", (*Scene).doHeal},
		{"session", "NODE", "its Consul session ends at once", (*Scene).doSession},
		{"consul", "down|up|elects TIME|save|restore|empty", "Consul's servers", (*Scene).doConsul},
		{"gossip", "[lose N] [repeat N] [delay N] [most TIME]", "events, in percent; the longest delay (default 30s)", (*Scene).doGossip},
		{"tick", "NODE", "the scheduler of its volume driver runs every job now", (*Scene).doTick},
		{"skew", "NODE TIME", "its wall clock is ahead from now on: it jumps", (*Scene).doSkew},
		{"zone", "NODE TIME", "its local time is ahead of UTC from now on, by which its volume driver dates snapshots: summer time begins, or ends", (*Scene).doZone},
		{"drift", "NODE PPM", "its boot clock runs faster", (*Scene).doDrift},
	}
}

// running lets time go by.
func running() []Command {
	return []Command{
		{"step", "[N]", "until the next line", (*Scene).doStep},
		{"run", "TIME [or idle]", "for so long, or until nothing is asked for or under way", (*Scene).doRun},
		{"until", "idle | NODE begins STEP | NODE did STEP | APP STATE | down APP | NODE present|absent", "until something is so", (*Scene).doUntil},
	}
}

// looking asks how things stand; expect and check end the scenario if they
// are not as they must be.
func looking() []Command {
	return []Command{
		{"check", "[without NODE...]", "wait for rest; every node is as the last operation says", (*Scene).doCheck},
		{"expect", "committed|aborted|refused [APP] [because TEXT] | master NODE [APP] | running NODE...|nowhere [APP] | log TEXT | no log TEXT | key KEY [TEXT] | no key KEY | seq N [APP] | copies NODE APP N | records NODE APP N | volumes NODE APP N | locals NODE APP N | tombstones N", "something is so", (*Scene).doExpect},
		{"status", "[APP]", "where applications are and what happens to them", (*Scene).doStatus},
		{"show", "nodes|kv|volumes|schedules|containers|app|plan|faults [APP]", "how things stand", (*Scene).doShow},
		{"say", "TEXT", "a line of its own", (*Scene).doSay},
		{"help", "", "this list", (*Scene).doHelp},
		{"down", "", "the end: everything is taken away", func(*Scene, context.Context, []string) error { return ErrQuit }},
		{"quit", "", "the same", func(*Scene, context.Context, []string) error { return ErrQuit }},
	}
}

// Do carries out one command line. An empty one and a comment do nothing.
func (s *Scene) Do(ctx context.Context, line string) error {
	words := split(line)
	if len(words) == 0 {
		return nil
	}
	for _, c := range Commands() {
		if c.Name == words[0] {
			return s.carry(ctx, c, words[1:])
		}
	}
	return usage("there is no command %q; help lists them", words[0])
}

func (s *Scene) carry(ctx context.Context, c Command, args []string) error {
	err := c.do(s, ctx, args)
	s.Flush(ctx)
	switch broken := s.Err(); {
	case broken != nil && c.Name != "show" && c.Name != "help" && c.Name != "quit":
		return broken // an invariant: nothing after it means anything
	case errors.Is(err, ErrUsage):
		return fmt.Errorf("%w\nusage: %s %s", err, c.Name, c.Usage)
	}
	return err
}

// split reads words; quotes hold words together, # begins a comment.
func split(line string) []string {
	var words []string
	var word strings.Builder
	quote, open := rune(0), false
	end := func() {
		if open {
			words = append(words, word.String())
		}
		word.Reset()
		open = false
	}
	for _, r := range line {
		switch {
		case quote == 0 && (r == '"' || r == '\''):
			quote, open = r, true
		case r == quote:
			quote = 0
		case r == '#' && quote == 0 && !open:
			end()
			return words
		case (r == ' ' || r == '\t' || r == '\r') && quote == 0:
			end()
		default:
			word.WriteRune(r)
			open = true
		}
	}
	end()
	return words
}

// take removes the word from args and reports whether it was there.
func take(args []string, word string) ([]string, bool) {
	i := slices.Index(args, word)
	if i < 0 {
		return args, false
	}
	return slices.Concat(args[:i], args[i+1:]), true
}

// option removes the word and the one after it from args.
func option(args []string, word string) (rest []string, value string, err error) {
	i := slices.Index(args, word)
	switch {
	case i < 0:
		return args, "", nil
	case i+1 == len(args):
		return nil, "", usage("%s what?", word)
	}
	return slices.Concat(args[:i], args[i+2:]), args[i+1], nil
}

func count(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, usage("%q is not a number", text)
	}
	return n, nil
}

func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, usage("%q is not a time, such as 30s or 5m", text)
	}
	return d, nil
}

// exactly refuses another number of arguments.
func exactly(args []string, least, most int) error {
	if len(args) < least || len(args) > most {
		return usage("%d arguments", len(args))
	}
	return nil
}
