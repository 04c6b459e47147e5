package io.github.connlimit.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * What the kernel of Linux says about the TCP connections of a server: a witness that knows nothing of connlimit. A
 * socket that was not accepted yet, or was closed by its process, has no inode; whatever has one is held by a process.
 */
final class KernelSockets {

    private static final List<Path> TABLES = List.of(Path.of("/proc/net/tcp"), Path.of("/proc/net/tcp6"));

    private static final String LISTEN = "0A";

    private KernelSockets() {}

    static boolean canBeRead() {
        return Files.isReadable(TABLES.get(0));
    }

    /**
     * The other ends of all connections that a server on this machine has accepted and not closed.
     *
     * @param serverPorts where it listens, or did
     */
    static List<InetSocketAddress> heldByServer(InetAddress server, Set<Integer> serverPorts) {
        List<InetSocketAddress> held = new ArrayList<>();
        for (Path table : TABLES) {
            try {
                if (!Files.isReadable(table)) {
                    continue;
                }
                for (String line : Files.readAllLines(table)) {
                    String[] fields = line.trim().split("\\s+");
                    if (fields[0].equals("sl") || fields[3].equals(LISTEN) || fields[9].equals("0")) {
                        continue;
                    }
                    InetSocketAddress local = address(fields[1]);
                    if (serverPorts.contains(local.getPort())
                            && local.getAddress().equals(server)) {
                        held.add(address(fields[2]));
                    }
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
        return held;
    }

    /** The ports on which anybody listens at this address, and not at all addresses. */
    static List<Integer> listening(InetAddress server) {
        List<Integer> listening = new ArrayList<>();
        for (Path table : TABLES) {
            try {
                for (String line : Files.isReadable(table) ? Files.readAllLines(table) : List.<String>of()) {
                    String[] fields = line.trim().split("\\s+");
                    if (fields[3].equals(LISTEN)) {
                        InetSocketAddress local = address(fields[1]);
                        if (local.getAddress().equals(server)) {
                            listening.add(local.getPort());
                        }
                    }
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
        return listening;
    }

    /** As in {@code 0100007F:1F90}: words of four bytes, each with the last byte first. */
    private static InetSocketAddress address(String field) throws UnknownHostException {
        int colon = field.indexOf(':');
        byte[] bytes = HexFormat.of().parseHex(field, 0, colon);
        byte[] address = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            address[i] = bytes[i ^ 3];
        }
        return new InetSocketAddress(
                InetAddress.getByAddress(address), Integer.parseInt(field, colon + 1, field.length(), 16));
    }
}
