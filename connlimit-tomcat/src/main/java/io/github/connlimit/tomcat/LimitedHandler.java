package io.github.connlimit.tomcat;

import java.util.function.Consumer;
import org.apache.tomcat.util.net.AbstractEndpoint.Handler;
import org.apache.tomcat.util.net.SocketEvent;
import org.apache.tomcat.util.net.SocketWrapperBase;

/**
 * Tomcat's handler of connections, with a look at how they end. This class is thread-safe.
 *
 * @param <S> Tomcat's channel
 */
final class LimitedHandler<S> implements Handler<S> {

    private final Handler<S> handler;
    private final Consumer<SocketWrapperBase<S>> released;

    /**
     * Decorates a handler.
     *
     * @param handler Tomcat's
     * @param released told of each connection that ends, as long as its channel is still known; must not throw
     */
    LimitedHandler(Handler<S> handler, Consumer<SocketWrapperBase<S>> released) {
        this.handler = handler;
        this.released = released;
    }

    @Override
    public SocketState process(SocketWrapperBase<S> wrapper, SocketEvent event) {
        try {
            return handler.process(wrapper, event);
        } catch (VirtualMachineError error) {
            // Tomcat closes the connection after any other error, but forgets it after this one.
            if (wrapper != null) {
                wrapper.close();
            }
            throw error;
        }
    }

    @Override
    public void release(SocketWrapperBase<S> wrapper) {
        try {
            handler.release(wrapper);
        } finally {
            released.accept(wrapper);
        }
    }

    @Override
    public Object getGlobal() {
        return handler.getGlobal();
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
