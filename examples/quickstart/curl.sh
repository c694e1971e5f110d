#!/bin/sh
# Publish, receive and acknowledge with nothing but curl:
#
#     weft exec shop -- sh examples/quickstart/curl.sh
set -eu

api='api-version=2024-06-01'
key="Authorization: SharedAccessKey $EVENTGRID_KEY"
topic="$EVENTGRID_ENDPOINT/topics/orders"
subscription="$topic/eventsubscriptions/billing"

echo 'publish one event, its attributes in headers and its data as the body (binary mode):'
curl -sS --fail-with-body "$topic:publish?$api" -H "$key" \
    -H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: /curl' -H 'ce-type: com.example.order.placed' \
    -H 'Content-Type: application/json' -d '{"order":1,"country":"DE"}'
echo

echo 'publish one event as one JSON document (structured mode):'
curl -sS --fail-with-body "$topic:publish?$api" -H "$key" -H 'Content-Type: application/cloudevents+json' \
    -d '{"specversion":"1.0","id":"2","source":"/curl","type":"com.example.order.placed","data":{"order":2,"country":"FR"}}'
echo

echo 'receive:'
received=$(curl -sS --fail-with-body -X POST "$subscription:receive?$api&maxEvents=10&maxWaitTime=10" -H "$key")
echo "$received"

# Each lock token, quotes included, separated by commas: a JSON list.
tokens=$(echo "$received" | grep -o '"lockToken":"[^"]*"' | sed 's/^"lockToken"://' | paste -sd, -)
echo 'acknowledge:'
curl -sS --fail-with-body "$subscription:acknowledge?$api" -H "$key" -H 'Content-Type: application/json' \
    -d "{\"lockTokens\":[$tokens]}"
echo
