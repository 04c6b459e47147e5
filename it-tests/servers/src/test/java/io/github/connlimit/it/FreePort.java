package io.github.connlimit.it;

import java.io.IOException;
import java.net.BindException;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;

/** Finds ports for servers that have to be told one. */
public final class FreePort {

    /** Below what systems give out themselves: a port of theirs may belong to some client by the time it is used. */
    private static final int FIRST = 10_000;

    private static final int LAST = 32_000;

    private FreePort() {}

    /** A port on which nobody listens. */
    public static int find() throws IOException {
        while (true) {
            try (ServerSocket free =
                    new ServerSocket(ThreadLocalRandom.current().nextInt(FIRST, LAST))) {
                return free.getLocalPort();
            } catch (BindException taken) {
                // Another one.
            }
        }
    }
}
