// Scenarios on azeventhubs. Usage: eventhubs [REQUEST]..., see e2e/src/eventhubs.rs
package main

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"os"
	"strings"
)

// What a scenario answers that this SDK has no call for.
type unsupported string

func (why unsupported) Error() string { return string(why) }

var scenarios = map[string]func(context.Context, *request) error{
	"properties":     properties,
	"send":           send,
	"receive":        receive,
	"epoch":          epoch,
	"processor":      processor,
	"stream_send":    streamSend,
	"stream_receive": streamReceive,
	"stream_process": streamProcess,
}

var input = bufio.NewScanner(os.Stdin)

func main() {
	failed := false
	for text := range requests() {
		if !answer(text) {
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// Each argument is a request; without arguments, each line of standard input.
func requests() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, argument := range os.Args[1:] {
			if !yield(argument) {
				return
			}
		}
		for len(os.Args) == 1 && input.Scan() {
			if !yield(strings.TrimSpace(input.Text())) {
				return
			}
		}
	}
}

func answer(text string) bool {
	if text == "" {
		return true
	}
	request, err := parse(text)
	if err == nil {
		scenario, known := scenarios[request.Scenario]
		if !known {
			err = fmt.Errorf("no scenario is called %s", request.Scenario)
		} else {
			err = scenario(context.Background(), request)
		}
	}
	if why, is := err.(unsupported); is {
		say("unsupported", string(why))
		return true
	}
	if err != nil {
		say("error", failure(err))
		return false
	}
	say("done", request.Scenario)
	return true
}

// A context that ends when a line comes in.
func untilLineComes(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		input.Scan()
		cancel()
	}()
	return ctx
}
