package io.github.connlimit.tomcat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.CompletionHandler;
import java.util.concurrent.TimeUnit;

/** For NIO2: each that lingers has one asynchronous operation under way, with a time-out. */
final class Nio2LingeringClose extends LingeringClose<AsynchronousSocketChannel> {

    Nio2LingeringClose(Transport<AsynchronousSocketChannel> transport) {
        super(transport);
    }

    @Override
    void begin(RefusedConnection refused) {
        new Exchange(refused).send();
    }

    private static final class Exchange implements CompletionHandler<Integer, Void> {

        private final LingeringClose<AsynchronousSocketChannel>.RefusedConnection refused;

        /** {@code null} until the answer has been sent. */
        private ByteBuffer buffer;

        Exchange(LingeringClose<AsynchronousSocketChannel>.RefusedConnection refused) {
            this.refused = refused;
        }

        void send() {
            refused.channel.write(refused.response, timeout(), TimeUnit.MILLISECONDS, null, this);
        }

        private void receive() {
            refused.channel.read(buffer.clear(), timeout(), TimeUnit.MILLISECONDS, null, this);
        }

        /** At least 1, as 0 would mean no time-out. */
        private long timeout() {
            return Math.max(1, refused.millisLeft());
        }

        @Override
        public void completed(Integer count, Void attachment) {
            try {
                proceed(count);
            } catch (Throwable error) {
                failed(error, attachment);
            }
        }

        private void proceed(int count) throws IOException {
            if (refused.millisLeft() <= 0) {
                refused.end();
            } else if (refused.response.hasRemaining()) {
                send();
            } else if (buffer == null) {
                refused.channel.shutdownOutput();
                buffer = ByteBuffer.allocate(BUFFER_BYTES);
                receive();
            } else if (count > 0 && refused.received(count)) {
                receive();
            } else {
                refused.end();
            }
        }

        @Override
        public void failed(Throwable error, Void attachment) {
            refused.fail(error);
        }
    }
}
