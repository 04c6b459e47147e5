package io.github.connlimit.tomcat;

import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.tomcat.util.collections.SynchronizedStack;
import org.apache.tomcat.util.net.SocketBufferHandler;
import org.apache.tomcat.util.net.SocketProperties;

/**
 * Fills the pool from which an endpoint takes its channels with tracked ones. In Tomcat 10.1 there is no other way to
 * give it a channel of one's own.
 */
final class TrackedPool {

    /** At least as many as there are threads that accept at a time, which is one, or with NIO2 a few. */
    private static final int LEAST = 256;

    private TrackedPool() {}

    /**
     * Gives an endpoint a pool. By default it has none if memory is small.
     *
     * @param overhead what a channel takes besides its buffers, in bytes
     */
    static void ensure(SocketProperties properties, int overhead) {
        int size = properties.getActualBufferPool(overhead);
        if (size >= 0 && size < LEAST) {
            properties.setBufferPool(LEAST);
        }
    }

    /** Puts a channel into the pool if it is empty, so that Tomcat makes none itself. */
    static <S> void offer(SynchronizedStack<S> pool, Supplier<S> maker, Consumer<S> free) {
        if (pool == null) {
            // Stopped.
            return;
        }
        S channel = pool.pop();
        if (channel == null) {
            try {
                channel = maker.get();
            } catch (RuntimeException wrongProperties) {
                // Tomcat is about to fail in the same way, and to say so.
                return;
            }
        }
        if (!pool.push(channel)) {
            free.accept(channel);
        }
    }

    /** As Tomcat makes it for a channel. */
    static SocketBufferHandler buffer(SocketProperties properties) {
        return new SocketBufferHandler(
                properties.getAppReadBufSize(), properties.getAppWriteBufSize(), properties.getDirectBuffer());
    }
}
