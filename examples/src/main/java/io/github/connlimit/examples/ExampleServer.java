package io.github.connlimit.examples;

import java.io.IOException;

/** A server that runs until it is closed. */
interface ExampleServer extends AutoCloseable {

    /** The port it listens on. */
    int port();

    /** Stops listening and closes all connections. */
    @Override
    void close() throws IOException;
}
