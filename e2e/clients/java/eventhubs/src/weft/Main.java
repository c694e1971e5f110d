package weft;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Iterator;

/** Scenarios on azure-messaging-eventhubs. Usage: weft.Main [REQUEST]..., see e2e/src/eventhubs.rs */
public final class Main {
    static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

    public static void main(String[] arguments) {
        // Each argument is a request; without arguments, each line of standard input.
        Iterator<String> requests =
            arguments.length > 0 ? Arrays.asList(arguments).iterator() : INPUT.lines().iterator();
        boolean failed = false;
        while (requests.hasNext()) {
            String text = requests.next().trim();
            failed |= !text.isEmpty() && !answer(text);
        }
        // The SDK's threads would keep the process alive.
        System.exit(failed ? 1 : 0);
    }

    private static boolean answer(String text) {
        try {
            Request request = Request.parse(text);
            run(request);
            Lines.say("done", request.scenario());
        } catch (Unsupported why) {
            Lines.say("unsupported", why.getMessage());
        } catch (Throwable error) {
            Lines.say("error", Lines.failure(error));
            return false;
        }
        return true;
    }

    private static void run(Request request) throws Exception {
        switch (request.scenario()) {
            case "properties" -> Sending.properties(request);
            case "send" -> Sending.send(request);
            case "receive" -> Receiving.receive(request);
            case "epoch" -> Receiving.epoch(request);
            case "processor" -> Processing.processor(request);
            case "stream_send" -> Sending.stream(request);
            case "stream_receive" -> Receiving.stream(request);
            case "stream_process" -> Processing.stream(request);
            default -> throw new IllegalArgumentException("no scenario is called " + request.scenario());
        }
    }

    /** Becomes true when a line comes in. */
    static final class LineComes {
        private volatile boolean come;

        LineComes() {
            Thread thread = new Thread(() -> {
                try {
                    INPUT.readLine();
                } catch (IOException closed) {
                    // As good as a line.
                }
                come = true;
            });
            thread.setDaemon(true);
            thread.start();
        }

        boolean hasCome() {
            return come;
        }
    }

    /** What a scenario answers that this SDK has no call for. */
    static final class Unsupported extends RuntimeException {
        Unsupported(String why) {
            super(why);
        }
    }

    private Main() {
    }
}
