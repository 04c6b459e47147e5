package io.github.connlimit.benchmarks.serve;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

/** Accepts connections and ends them at once: nothing in Java refuses for less. */
final class AcceptLoop {

    private AcceptLoop() {}

    /** Returns its port. */
    static int start(Setup setup, boolean reset) throws IOException {
        ServerSocketChannel listening = ServerSocketChannel.open();
        listening.bind(new InetSocketAddress(setup.address(), setup.port()), Setup.BACKLOG);
        Thread thread = new Thread(() -> accept(listening, reset), "acceptor");
        thread.setDaemon(true);
        thread.start();
        return listening.socket().getLocalPort();
    }

    private static void accept(ServerSocketChannel listening, boolean reset) {
        while (listening.isOpen()) {
            try (SocketChannel accepted = listening.accept()) {
                if (reset) {
                    accepted.setOption(StandardSocketOptions.SO_LINGER, 0);
                }
            } catch (IOException gone) {
                // The client was faster.
            }
        }
    }
}
