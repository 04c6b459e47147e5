package io.github.connlimit.benchmarks.serve;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;

/** Servers in this process, for tests; they end with it. */
public final class TestServers {

    private TestServers() {}

    public static int jetty(boolean tls) throws Exception {
        return JettyServing.start(setup(Protection.NONE, tls));
    }

    /** With a limit of 2 for each client. */
    public static int jetty(Protection protection) throws Exception {
        return JettyServing.start(setup(protection, false));
    }

    public static int tomcat(boolean tls) throws Exception {
        return TomcatServing.start(setup(Protection.NONE, tls), false);
    }

    public static int loop(boolean reset) throws IOException {
        return AcceptLoop.start(setup(Protection.NONE, false), reset);
    }

    public static int closedPort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    static Setup setup(Protection protection, boolean tls) {
        return new Setup(0, protection, 2, tls);
    }
}
