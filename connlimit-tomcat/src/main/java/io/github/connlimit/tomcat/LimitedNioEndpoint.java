package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionPhase;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ScheduledExecutorService;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.NioEndpoint;
import org.apache.tomcat.util.net.SocketBufferHandler;
import org.apache.tomcat.util.net.SocketEvent;
import org.apache.tomcat.util.net.SocketWrapperBase;

/** An NIO endpoint that asks the limits about each connection it has accepted. */
class LimitedNioEndpoint extends NioEndpoint {

    private final LimitedConnections<SocketChannel> limited = limitedConnections();

    /** {@code null} without a Connector. */
    private volatile ScheduledExecutorService lastUtilityExecutor;

    private LimitedConnections<SocketChannel> limitedConnections() {
        Transport<SocketChannel> transport = new NioTransport();
        return new LimitedConnections<>(transport, new NioLingeringClose(transport));
    }

    LimitedConnections<SocketChannel> limited() {
        return limited;
    }

    @Override
    public void setHandler(Handler<NioChannel> handler) {
        super.setHandler(new LimitedHandler<>(handler, limited, NioChannel::getIOChannel));
    }

    /** A connector that has stopped takes its executor away; Tomcat would then make one that nobody shuts down. */
    @Override
    public void setUtilityExecutor(ScheduledExecutorService executor) {
        if (executor != null) {
            lastUtilityExecutor = executor;
        }
        super.setUtilityExecutor(executor);
    }

    @Override
    public void startInternal() throws Exception {
        TrackedPool.ensure(getSocketProperties(), isSSLEnabled() ? getSniParseLimit() * 2 : 0);
        super.startInternal();
    }

    /** Tomcat 11 calls this for a new channel. Tomcat 10.1 does not, but takes one from its pool if there is any. */
    @Override
    protected NioChannel createChannel(SocketBufferHandler buffer) {
        Progress<SocketChannel> progress = new Progress<>(limited);
        return isSSLEnabled()
                ? new TrackedSecureNioChannel(buffer, this, progress)
                : new TrackedNioChannel(buffer, progress);
    }

    @Override
    protected boolean setSocketOptions(SocketChannel socket) {
        // Before Tomcat has it: it may be processed, and even closed, inside the call.
        if (!limited.admit(socket)) {
            return false;
        }
        boolean accepted;
        try {
            TrackedPool.offer(
                    getNioChannels(), () -> createChannel(TrackedPool.buffer(getSocketProperties())), NioChannel::free);
            accepted = super.setSocketOptions(socket);
        } catch (Throwable error) {
            // Tomcat leaves it at that: the virtual machine is in trouble, or there is no channel.
            closeSocket(socket);
            if (socket.isOpen()) {
                destroySocket(socket);
            }
            if (error instanceof Error) {
                throw error;
            }
            limited.report("taking over a connection failed", error);
            return false;
        }
        if (!accepted && !connections.containsKey(socket)) {
            limited.release(socket);
        }
        return accepted;
    }

    @Override
    protected void destroySocket(SocketChannel socket) {
        limited.release(socket);
        super.destroySocket(socket);
    }

    private final class NioTransport implements Transport<SocketChannel> {

        @Override
        public SocketAddress remoteAddress(SocketChannel channel) throws IOException {
            return channel.getRemoteAddress();
        }

        @Override
        public boolean isSecure() {
            return isSSLEnabled();
        }

        @Override
        public void resetOnClose(SocketChannel channel) throws IOException {
            channel.setOption(StandardSocketOptions.SO_LINGER, 0);
        }

        @Override
        public void destroy(SocketChannel channel) {
            destroySocket(channel);
        }

        @Override
        public ConnectionPhase phase(SocketChannel channel) {
            Progress<SocketChannel> progress = progress(connections.get(channel));
            return progress == null ? null : progress.phase();
        }

        @Override
        public boolean closeExpired(SocketChannel channel) {
            SocketWrapperBase<NioChannel> wrapper = connections.get(channel);
            Progress<SocketChannel> progress = progress(wrapper);
            if (progress == null || !progress.expire(channel)) {
                return false;
            }
            close(wrapper);
            return true;
        }

        private Progress<SocketChannel> progress(SocketWrapperBase<NioChannel> wrapper) {
            NioChannel channel = wrapper == null ? null : wrapper.getSocket();
            if (channel instanceof TrackedSecureNioChannel secure) {
                return secure.progress();
            }
            return channel instanceof TrackedNioChannel plain ? plain.progress() : null;
        }

        @Override
        public void close(SocketChannel channel) {
            close(connections.get(channel));
        }

        private void close(SocketWrapperBase<NioChannel> wrapper) {
            // As Tomcat's own time-outs do it, safely with regard to a thread that is processing the connection.
            if (wrapper != null && !processSocket(wrapper, SocketEvent.ERROR, true)) {
                wrapper.close();
            }
        }

        @Override
        public ScheduledExecutorService executor() {
            ScheduledExecutorService last = lastUtilityExecutor;
            return last == null ? getUtilityExecutor() : last;
        }
    }
}
