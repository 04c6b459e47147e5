package io.github.connlimit.it.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.Refusal;
import io.github.connlimit.netty.ConnectionLimitChannelFactory;
import io.github.connlimit.netty.ConnectionLimitHandler;
import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ServerCalls;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A gRPC server whose channels a {@link ConnectionLimitChannelFactory} makes. Each client has one connection. */
@Timeout(120)
class GrpcTest {

    private static final long DEADLINE_SECONDS = 20;
    private static final MethodDescriptor<String, String> ECHO = MethodDescriptor.<String, String>newBuilder()
            .setType(MethodDescriptor.MethodType.UNARY)
            .setFullMethodName("test.Echo/Echo")
            .setRequestMarshaller(new Text())
            .setResponseMarshaller(new Text())
            .build();

    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(2).build());
    private final List<ManagedChannel> clients = new ArrayList<>();
    private int port;

    @Test
    void limitsTheConnectionsOfEachClient() throws Exception {
        ServerServiceDefinition service = ServerServiceDefinition.builder("test.Echo")
                .addMethod(ECHO, ServerCalls.asyncUnaryCall((request, answer) -> {
                    answer.onNext(request);
                    answer.onCompleted();
                }))
                .build();
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        // tag::grpc[]
        // HANDSHAKE also without TLS: an answer by HTTP/1.1 would be none to a client of gRPC
        ConnectionLimitHandler handler = new ConnectionLimitHandler(limiter, ConnectionPhase.HANDSHAKE);
        EventLoopGroup acceptors = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
        EventLoopGroup workers = new MultiThreadIoEventLoopGroup(NioIoHandler.newFactory());
        Server server = NettyServerBuilder.forAddress(address)
                .channelFactory(
                        new ConnectionLimitChannelFactory<>(NioServerSocketChannel::new, bound -> Optional.of(handler)))
                .bossEventLoopGroup(acceptors) // gRPC wants both groups where it is given a channelFactory
                .workerEventLoopGroup(workers)
                .addService(service)
                .build()
                .start();
        // end::grpc[]
        port = server.getPort();
        try {
            ManagedChannel first = client("127.0.0.2");
            assertThat(echo(first)).isEqualTo("hello");
            assertThat(echo(client("127.0.0.2"))).isEqualTo("hello");
            assertThat(answer("127.0.0.2")).isEqualTo(Status.Code.UNAVAILABLE);
            limiter.reconfigure(
                    limits -> limits.toBuilder().refuse(Refusal.RESPOND).build());
            assertThat(answer("127.0.0.2")).isEqualTo(Status.Code.UNAVAILABLE);
            assertThat(echo(client("127.0.0.3"))).isEqualTo("hello");
            assertThat(limiter.snapshot().openConnections()).isEqualTo(3);
            assertThat(echo(first)).isEqualTo("hello");
            first.shutdown();
            await("a place").until(() -> answer("127.0.0.2"), Status.Code.OK::equals);
        } finally {
            assertThat(server.shutdownNow().awaitTermination(DEADLINE_SECONDS, TimeUnit.SECONDS))
                    .isTrue();
            acceptors.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
            workers.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
        }
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
        assertThat(limiter.snapshot().errors()).isZero();
    }

    @AfterEach
    void endClients() {
        clients.forEach(ManagedChannel::shutdownNow);
    }

    private ManagedChannel client(String address) {
        ManagedChannel client = NettyChannelBuilder.forAddress(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), port))
                .localSocketPicker(new NettyChannelBuilder.LocalSocketPicker() {
                    @Override
                    public SocketAddress createSocketAddress(SocketAddress there, Attributes attributes) {
                        return new InetSocketAddress(address, 0);
                    }
                })
                .usePlaintext()
                .build();
        clients.add(client);
        return client;
    }

    private static String echo(ManagedChannel client) {
        return ClientCalls.blockingUnaryCall(
                client, ECHO, CallOptions.DEFAULT.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS), "hello");
    }

    /** What a client is answered; one that is refused tries no more, or it would take a place later. */
    private Status.Code answer(String address) {
        ManagedChannel client = client(address);
        try {
            echo(client);
            return Status.Code.OK;
        } catch (StatusRuntimeException refused) {
            client.shutdownNow();
            return refused.getStatus().getCode();
        }
    }

    private static final class Text implements MethodDescriptor.Marshaller<String> {

        @Override
        public InputStream stream(String value) {
            return new ByteArrayInputStream(value.getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public String parse(InputStream stream) {
            try (stream) {
                return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
            } catch (IOException unreadable) {
                throw new UncheckedIOException(unreadable);
            }
        }
    }
}
