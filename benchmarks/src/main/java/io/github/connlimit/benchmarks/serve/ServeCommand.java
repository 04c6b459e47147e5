package io.github.connlimit.benchmarks.serve;

import java.util.concurrent.Callable;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A server as a process: says its port, and ends with its standard input. */
@Command(name = "serve", hidden = true, description = "A server to be measured; started by the command server.")
public final class ServeCommand implements Callable<Integer> {

    private static final Logger ROOT_LOGGER = Logger.getLogger("");

    @Option(names = "--server", required = true)
    private String server;

    @Option(names = "--protection", defaultValue = "none")
    private String protection;

    @Option(names = "--port", defaultValue = "0")
    private int port;

    @Option(names = "--max-per-client", defaultValue = "0")
    private int maxPerClient;

    @Option(names = "--tls")
    private boolean tls;

    @Override
    public Integer call() throws Exception {
        ROOT_LOGGER.setLevel(Level.WARNING);
        Setup setup = new Setup(port, Protection.of(protection), maxPerClient, tls);
        int listening = switch (ServerKind.of(server)) {
            case JETTY -> JettyServing.start(setup);
            case TOMCAT -> TomcatServing.start(setup, false);
            case TOMCAT_NIO2 -> TomcatServing.start(setup, true);
            case NETTY -> NettyServing.start(setup);
            case LOOP_RESET -> AcceptLoop.start(setup, true);
            case LOOP_CLOSE -> AcceptLoop.start(setup, false);
            case LOOP_NIO2 -> AsynchronousAcceptLoop.start(setup);
        };
        System.out.println("listening on " + listening);
        System.out.flush();
        while (System.in.read() >= 0) {
            // Whoever started this process holds on to it: if that one ends, so does this.
        }
        return 0;
    }
}
