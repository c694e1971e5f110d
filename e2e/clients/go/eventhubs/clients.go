package main

import (
	"context"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2/checkpoints"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/coder/websocket"
)

func producer(r *request) (*azeventhubs.ProducerClient, error) {
	options := &azeventhubs.ProducerClientOptions{
		CustomEndpoint:   customEndpoint(),
		NewWebSocketConn: webSocket(),
		RetryOptions:     retries(r),
	}
	if !passwordless() {
		return azeventhubs.NewProducerClientFromConnectionString(connection(r), hub(r), options)
	}
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return azeventhubs.NewProducerClient(namespace(), hub(r), credential, options)
}

func consumer(r *request) (*azeventhubs.ConsumerClient, error) {
	group := r.ConsumerGroup
	if group == "" {
		group = azeventhubs.DefaultConsumerGroup
	}
	options := &azeventhubs.ConsumerClientOptions{
		CustomEndpoint:   customEndpoint(),
		NewWebSocketConn: webSocket(),
		RetryOptions:     retries(r),
	}
	if !passwordless() {
		return azeventhubs.NewConsumerClientFromConnectionString(connection(r), hub(r), group, options)
	}
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return azeventhubs.NewConsumerClient(namespace(), hub(r), group, credential, options)
}

// Whether the program shows a token in the place of a connection string.
func passwordless() bool {
	return os.Getenv("EVENT_HUB_CREDENTIAL") == "token"
}

func namespace() string {
	return os.Getenv("EVENT_HUB_FULLY_QUALIFIED_NAMESPACE")
}

// Checkpoints in the container that the environment names; in memory, if it names none.
func checkpointStore() (azeventhubs.CheckpointStore, error) {
	name := os.Getenv("BLOB_CONTAINER_NAME")
	if name == "" {
		return newStore(), nil
	}
	client, err := containerClient(name)
	if err != nil {
		return nil, err
	}
	return checkpoints.NewBlobStore(client, nil)
}

func containerClient(name string) (*container.Client, error) {
	if !passwordless() {
		return container.NewClientFromConnectionString(os.Getenv("BLOB_STORAGE_CONNECTION_STRING"), name, nil)
	}
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	address, err := url.JoinPath(os.Getenv("BLOB_STORAGE_ACCOUNT_URL"), name)
	if err != nil {
		return nil, err
	}
	return container.NewClient(address, credential, nil)
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
