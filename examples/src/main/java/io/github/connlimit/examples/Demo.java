package io.github.connlimit.examples;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The demo: a Jetty and a Tomcat with one limiter for both, a greedy client, a modest one, and a script. */
final class Demo {

    private static final int TIMEOUT_SECONDS = 25;

    private final PrintStream out;
    private final boolean terminal;

    /**
     * Makes a demo that has not begun.
     *
     * @param out where to show what happens
     * @param terminal whether that is a terminal that understands ANSI escape sequences
     */
    Demo(PrintStream out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    /**
     * Plays for about ten seconds.
     *
     * @return the exit status: 0 if every promise was kept, 1 if one was not
     * @throws ExecutionException if something else went wrong
     */
    int run() throws ExecutionException, InterruptedException {
        FutureTask<Integer> play = new FutureTask<>(this::play);
        Thread thread = new Thread(play, "demo");
        thread.setDaemon(true);
        thread.start();
        try {
            int kept = play.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
            out.println("All " + kept + " promises were kept.");
            return 0;
        } catch (TimeoutException late) {
            out.println("  FAIL  the demo was not over after " + TIMEOUT_SECONDS + " s");
            return 1;
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof BrokenPromiseException broken) {
                out.println("  FAIL  " + broken.getMessage());
                return 1;
            }
            throw failed;
        }
    }

    private int play() throws Exception {
        Tally tally = new Tally();
        ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.defaults(), tally);
        ServerSettings settings = new ServerSettings(
                "demo",
                new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0),
                Optional.of(limiter),
                Optional.empty(),
                false,
                List.of());
        try (ExampleServer jetty = ServerKind.JETTY.start(settings);
                ExampleServer tomcat = ServerKind.TOMCAT.start(settings)) {
            List<InetSocketAddress> servers = List.of(address(jetty), address(tomcat));
            try (DemoClient greedy = new DemoClient("greedy", "127.0.0.2", servers);
                    DemoClient modest = new DemoClient("modest", "127.0.0.3", servers);
                    Screen screen = new Screen(out, terminal, new DemoTable(limiter, tally, greedy, modest))) {
                screen.say("Jetty on port " + jetty.port() + ", Tomcat on port " + tomcat.port() + ", one limiter:"
                        + " a client's connections count together.");
                Promises promises = new Promises(screen);
                new DemoScript(limiter, tally, screen, promises, greedy, modest).play();
                return promises.kept();
            }
        }
    }

    private static InetSocketAddress address(ExampleServer server) {
        return new InetSocketAddress("127.0.0.1", server.port());
    }
}
