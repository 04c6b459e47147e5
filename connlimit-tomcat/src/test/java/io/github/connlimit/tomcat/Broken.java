package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionLimiter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.Channel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.coyote.AbstractProtocol;
import org.apache.tomcat.util.net.AbstractEndpoint;
import org.apache.tomcat.util.net.Nio2Channel;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.SocketBufferHandler;
import org.apache.tomcat.util.net.SocketEvent;
import org.apache.tomcat.util.net.SocketWrapperBase;

/** Protocols in whose endpoints something fails for as long as a test says so. */
final class Broken {

    private Broken() {}

    /** The connection is closed before anybody looks at it. */
    static AbstractProtocol<?> closedBeforehand(Kind kind, ConnectionLimiter limiter, AtomicBoolean broken) {
        return kind == Kind.NIO
                ? protocol(limiter, new LimitedNioEndpoint() {
                    @Override
                    protected boolean setSocketOptions(SocketChannel socket) {
                        closeIf(broken, socket);
                        return super.setSocketOptions(socket);
                    }
                })
                : protocol(limiter, new LimitedNio2Endpoint() {
                    @Override
                    protected boolean setSocketOptions(AsynchronousSocketChannel socket) {
                        closeIf(broken, socket);
                        return super.setSocketOptions(socket);
                    }
                });
    }

    /** An error of the virtual machine, about which Tomcat does nothing, not even close the connection. */
    static AbstractProtocol<?> withoutChannel(Kind kind, ConnectionLimiter limiter) {
        return kind == Kind.NIO
                ? protocol(limiter, new LimitedNioEndpoint() {
                    @Override
                    protected NioChannel createChannel(SocketBufferHandler buffer) {
                        throw new InternalError("as planned");
                    }
                })
                : protocol(limiter, new LimitedNio2Endpoint() {
                    @Override
                    protected Nio2Channel createChannel(SocketBufferHandler buffer) {
                        throw new InternalError("as planned");
                    }
                });
    }

    /** Tomcat makes a channel that nobody tracks. */
    static AbstractProtocol<?> untracked(Kind kind, ConnectionLimiter limiter) {
        return kind == Kind.NIO
                ? protocol(limiter, new LimitedNioEndpoint() {
                    @Override
                    protected NioChannel createChannel(SocketBufferHandler buffer) {
                        return new NioChannel(buffer);
                    }
                })
                : protocol(limiter, new LimitedNio2Endpoint() {
                    @Override
                    protected Nio2Channel createChannel(SocketBufferHandler buffer) {
                        return new Nio2Channel(buffer);
                    }
                });
    }

    /** The poller finds the channel closed, about which Tomcat tells nobody. */
    static AbstractProtocol<?> withoutRegistration(ConnectionLimiter limiter, AtomicBoolean broken) {
        return protocol(limiter, new LimitedNioEndpoint() {
            @Override
            protected boolean setSocketOptions(SocketChannel socket) {
                boolean accepted = super.setSocketOptions(socket);
                closeIf(broken, socket);
                return accepted;
            }
        });
    }

    /** Tomcat's handler throws once it has let go of a connection. */
    static AbstractProtocol<?> failingRelease(Kind kind, ConnectionLimiter limiter) {
        return kind == Kind.NIO
                ? protocol(limiter, new LimitedNioEndpoint() {
                    @Override
                    public void setHandler(Handler<NioChannel> handler) {
                        super.setHandler(new FailingHandler<>(handler));
                    }
                })
                : protocol(limiter, new LimitedNio2Endpoint() {
                    @Override
                    public void setHandler(Handler<Nio2Channel> handler) {
                        super.setHandler(new FailingHandler<>(handler));
                    }
                });
    }

    private record FailingHandler<S>(AbstractEndpoint.Handler<S> handler) implements AbstractEndpoint.Handler<S> {

        @Override
        public SocketState process(SocketWrapperBase<S> socket, SocketEvent status) {
            return handler.process(socket, status);
        }

        @Override
        public Object getGlobal() {
            return handler.getGlobal();
        }

        @Override
        public void release(SocketWrapperBase<S> socket) {
            handler.release(socket);
            throw new IllegalStateException("as planned");
        }

        @Override
        public void pause() {
            handler.pause();
        }

        @Override
        public void recycle() {
            handler.recycle();
        }
    }

    private static AbstractProtocol<?> protocol(ConnectionLimiter limiter, LimitedNioEndpoint endpoint) {
        ConnectionLimitHttp11NioProtocol protocol = new ConnectionLimitHttp11NioProtocol(endpoint);
        protocol.setLimiter(limiter);
        return protocol;
    }

    private static AbstractProtocol<?> protocol(ConnectionLimiter limiter, LimitedNio2Endpoint endpoint) {
        ConnectionLimitHttp11Nio2Protocol protocol = new ConnectionLimitHttp11Nio2Protocol(endpoint);
        protocol.setLimiter(limiter);
        return protocol;
    }

    private static void closeIf(AtomicBoolean broken, Channel channel) {
        if (broken.get()) {
            try {
                channel.close();
            } catch (IOException cannot) {
                throw new UncheckedIOException(cannot);
            }
        }
    }
}
