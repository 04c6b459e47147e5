package io.github.connlimit.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What limits the servers of a framework that makes their channels itself. */
class ServerHandlersTest {

    private final ClassLoader before = Thread.currentThread().getContextClassLoader();

    /** Named in {@code META-INF/services} of these tests. */
    public static final class Found implements ServerHandlers {

        @Override
        public Optional<ConnectionLimitHandler> handler(InetSocketAddress address) {
            return Optional.empty();
        }
    }

    /** Named elsewhere. */
    public static final class Another implements ServerHandlers {

        @Override
        public Optional<ConnectionLimitHandler> handler(InetSocketAddress address) {
            return Optional.empty();
        }
    }

    @AfterEach
    void restore() {
        Thread.currentThread().setContextClassLoader(before);
    }

    @Test
    void findsAClassOfTheUsersWhateverTheContext() {
        for (ClassLoader context :
                new ClassLoader[] {before, ClassLoader.getPlatformClassLoader(), null, new ClassLoader(before) {}}) {
            Thread.currentThread().setContextClassLoader(context);
            assertThat(ServerHandlers.find()).isInstanceOf(Found.class);
        }
    }

    @Test
    void severalAreRejectedByName(@TempDir Path directory) throws IOException {
        URL service = Files.writeString(directory.resolve("handlers"), Another.class.getName())
                .toUri()
                .toURL();
        Thread.currentThread().setContextClassLoader(new ClassLoader(before) {
            @Override
            public Enumeration<URL> getResources(String name) throws IOException {
                return name.equals("META-INF/services/" + ServerHandlers.class.getName())
                        ? Collections.enumeration(List.of(service))
                        : super.getResources(name);
            }
        });
        assertThatThrownBy(ServerHandlers::find)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(Found.class.getName())
                .hasMessageContaining(Another.class.getName());
    }
}
