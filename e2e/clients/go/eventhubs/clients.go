package main

import (
	"context"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
	"github.com/coder/websocket"
)

func producer(r *request) (*azeventhubs.ProducerClient, error) {
	return azeventhubs.NewProducerClientFromConnectionString(connection(r), hub(r), &azeventhubs.ProducerClientOptions{
		CustomEndpoint:   customEndpoint(),
		NewWebSocketConn: webSocket(),
		RetryOptions:     retries(r),
	})
}

func consumer(r *request) (*azeventhubs.ConsumerClient, error) {
	group := r.ConsumerGroup
	if group == "" {
		group = azeventhubs.DefaultConsumerGroup
	}
	return azeventhubs.NewConsumerClientFromConnectionString(connection(r), hub(r), group, &azeventhubs.ConsumerClientOptions{
		CustomEndpoint:   customEndpoint(),
		NewWebSocketConn: webSocket(),
		RetryOptions:     retries(r),
	})
}

func connection(r *request) string {
	if r.Connection != "" {
		return r.Connection
	}
	return os.Getenv("EVENT_HUB_CONNECTION_STR")
}

// The SDK wants no name beside a connection string that has one.
func hub(r *request) string {
	if strings.Contains(connection(r), "EntityPath=") {
		return ""
	}
	if r.Hub != "" {
		return r.Hub
	}
	return os.Getenv("EVENT_HUB_NAME")
}

func retries(r *request) azeventhubs.RetryOptions {
	options := azeventhubs.RetryOptions{MaxRetries: 3, RetryDelay: 200 * time.Millisecond, MaxRetryDelay: time.Second}
	if r.Retries != nil {
		options.MaxRetries = *r.Retries
	}
	if options.MaxRetries == 0 {
		// Zero asks for the default.
		options.MaxRetries = -1
	}
	return options
}

// HOST:PORT, without the scheme that other SDKs want.
func customEndpoint() string {
	endpoint, err := url.Parse(os.Getenv("EVENT_HUB_CUSTOM_ENDPOINT"))
	if err != nil {
		return ""
	}
	return endpoint.Host
}

func webSocket() func(context.Context, azeventhubs.WebSocketConnParams) (net.Conn, error) {
	if os.Getenv("EVENT_HUB_TRANSPORT") != "websocket" {
		return nil
	}
	return func(ctx context.Context, params azeventhubs.WebSocketConnParams) (net.Conn, error) {
		// The sub-protocol is that of the SDK's own example.
		options := &websocket.DialOptions{Subprotocols: []string{"amqp"}}
		connection, _, err := websocket.Dial(ctx, webSocketAddress(params.Host), options)
		if err != nil {
			return nil, err
		}
		return websocket.NetConn(context.Background(), connection, websocket.MessageBinary), nil
	}
}

// With a WebSocket of the program's own, the custom endpoint is the program's business as well.
func webSocketAddress(address string) string {
	endpoint := customEndpoint()
	parsed, err := url.Parse(address)
	if endpoint == "" || err != nil {
		return address
	}
	parsed.Host = endpoint
	return parsed.String()
}
