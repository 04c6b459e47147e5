package io.github.connlimit.benchmarks.serve;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionPhase;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SelectableChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import org.eclipse.jetty.io.SelectorManager;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/**
 * The shortest way to refuse in Jetty that its public API allows: on the accept thread, before Jetty has begun anything
 * with the connection. For measuring only: it has neither deadlines nor answers.
 */
final class LimitedConnector extends ServerConnector {

    private final ConnectionGate<SelectableChannel> gate;

    LimitedConnector(Server server, ConnectionLimiter limiter, ConnectionFactory... factories) {
        super(server, factories);
        gate = new ConnectionGate<>(limiter);
        addBean(new Releasing(gate));
    }

    private record Releasing(ConnectionGate<SelectableChannel> gate) implements SelectorManager.AcceptListener {

        @Override
        public void onAcceptFailed(SelectableChannel channel, Throwable cause) {
            gate.release(channel);
        }

        @Override
        public void onClosed(SelectableChannel channel) {
            gate.release(channel);
        }
    }

    @Override
    public void accept(int acceptorId) throws IOException {
        ServerSocketChannel listening = (ServerSocketChannel) getTransport();
        if (listening == null || !listening.isOpen()) {
            return;
        }
        SocketChannel channel = listening.accept();
        InetSocketAddress peer = (InetSocketAddress) channel.getRemoteAddress();
        if (!gate.admit(channel, peer.getAddress(), ConnectionPhase.FIRST_BYTE)) {
            try (channel) {
                channel.setOption(StandardSocketOptions.SO_LINGER, 0);
            }
            return;
        }
        channel.configureBlocking(false);
        configure(channel.socket());
        getSelectorManager().accept(channel);
    }
}
