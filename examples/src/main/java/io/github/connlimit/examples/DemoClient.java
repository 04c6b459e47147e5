package io.github.connlimit.examples;

import java.io.EOFException;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/** A client that plays in the demo, known to the servers by its loopback address. Not thread-safe. */
final class DemoClient implements AutoCloseable {

    private static final int OK = 200;

    private final String name;
    private final InetAddress address;
    private final List<InetSocketAddress> servers;
    private final Deque<DemoConnection> connections = new ArrayDeque<>();
    private int attempts;

    DemoClient(String name, String address, List<InetSocketAddress> servers) throws UnknownHostException {
        this.name = name;
        this.address = InetAddress.getByName(address);
        this.servers = servers;
    }

    InetAddress address() {
        return address;
    }

    /** How many connections it has open. */
    int connections() {
        return connections.size();
    }

    /**
     * Tries to open connections, to each server in turn, and asks for a page on each one.
     *
     * @return on how many the page came, and how many the server ended
     */
    Tally.Count open(int count, int pauseMillis) throws IOException, InterruptedException {
        Tally.Count result = Tally.Count.NONE;
        for (int i = 0; i < count; i++) {
            result = result.plus(openOne(servers.get(attempts++ % servers.size())));
            Thread.sleep(pauseMillis);
        }
        return result;
    }

    private Tally.Count openOne(InetSocketAddress server) throws IOException {
        DemoConnection connection = null;
        try {
            connection = DemoConnection.open(address, server);
            int status = connection.request();
            if (status != OK) {
                throw new IOException("status " + status + " in place of " + OK + " from " + server);
            }
            connections.add(connection);
            return new Tally.Count(1, 0);
        } catch (BindException noSuchAddress) {
            String text = address.getHostAddress();
            throw new IOException(
                    "this machine has no address " + text + " (on macOS: sudo ifconfig lo0 alias " + text + ")",
                    noSuchAddress);
        } catch (SocketException | EOFException ended) {
            if (connection != null) {
                connection.close();
            }
            return new Tally.Count(0, 1);
        }
    }

    /** Asks for a page on every open connection, and returns on how many it came. */
    int requestOnAll() throws IOException {
        int answered = 0;
        for (DemoConnection connection : connections) {
            if (connection.request() == OK) {
                answered++;
            }
        }
        return answered;
    }

    /** Closes some connections, the oldest first. */
    void close(int count) throws IOException {
        for (int i = 0; i < count; i++) {
            connections.remove().close();
        }
    }

    @Override
    public void close() throws IOException {
        close(connections.size());
    }

    /** For people. */
    @Override
    public String toString() {
        return address.getHostAddress() + " " + name;
    }
}
