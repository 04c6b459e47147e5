package io.github.connlimit.benchmarks.server;

import java.io.IOException;
import java.util.List;

/** A server that is measured. */
final class ServerProcess extends ChildProcess {

    private static final String LISTENING = "listening on ";

    private final int port;

    ServerProcess(List<String> command) throws IOException {
        super(command);
        String line = receive();
        if (!line.startsWith(LISTENING)) {
            throw failure("said \"" + line + "\"");
        }
        port = Integer.parseInt(line.substring(LISTENING.length()));
    }

    int port() {
        return port;
    }
}
