package io.github.connlimit.fuzz;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Reads any text as what a proxy calls its client: it is an address, which then reads the same in each form that proxies
 * write, or it is counted as none. It is never an error of the limiter, and a peer that is not trusted names nobody.
 */
public final class ForwardedFuzz {

    /** Kept, or it would be collected with its level. */
    private static final Logger LOGGER = Logger.getLogger("io.github.connlimit");

    private static final InetAddress PROXY = address(127, 0, 0, 1);
    private static final InetAddress ANYBODY = address(127, 0, 0, 2);

    private static final ConnectionLimiter LIMITER =
            new ConnectionLimiter(ConnectionLimits.builder().exempt("127.0.0.1").build());
    private static final ConnectionGate<Object> GATE = new ConnectionGate<>(LIMITER);

    static {
        LOGGER.setLevel(Level.OFF);
    }

    private ForwardedFuzz() {}

    /** Called by Jazzer again and again. */
    public static void fuzzerTestOneInput(byte[] input) {
        String text = new String(input, StandardCharsets.UTF_8);
        long before = LIMITER.snapshot(0).unnamedClients();
        Optional<InetAddress> named = GATE.namedClient(PROXY, text);
        require(LIMITER.snapshot(0).unnamedClients() - before == (named.isEmpty() ? 1 : 0), text);
        require(LIMITER.snapshot(0).errors() == 0, text);
        require(GATE.namedClient(ANYBODY, text).isEmpty(), text);
        named.ifPresent(client -> {
            // What could be a name would have been resolved.
            require(text.matches("(?s)[\\x00-\\x20\"\\[]*[0-9a-fA-F.]*[.:][0-9a-fA-F.:]*.*"), text);
            String literal = client.getHostAddress();
            boolean ipv6 = literal.indexOf(':') >= 0;
            requireRead(literal, client);
            requireRead('"' + (ipv6 ? '[' + literal + ']' : literal) + ":443\"", client);
            if (ipv6) {
                requireRead('[' + literal + ']', client);
                requireRead(literal + "%eth0", client);
            }
        });
    }

    private static void requireRead(String text, InetAddress client) {
        require(GATE.namedClient(PROXY, text).equals(Optional.of(client)), text);
    }

    private static InetAddress address(int... bytes) {
        try {
            return InetAddress.getByAddress(
                    new byte[] {(byte) bytes[0], (byte) bytes[1], (byte) bytes[2], (byte) bytes[3]});
        } catch (UnknownHostException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static void require(boolean holds, String text) {
        if (!holds) {
            throw new AssertionError(text);
        }
    }
}
