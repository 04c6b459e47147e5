package io.github.connlimit.tomcat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A Tomcat that has no NIO2 any more, as Tomcat 12 will be. */
class WithoutNio2Test {

    private static final class WithoutNio2 extends URLClassLoader {

        WithoutNio2(List<URL> urls) {
            super(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("org.apache.") && name.contains("Nio2")) {
                throw new ClassNotFoundException(name);
            }
            return super.loadClass(name, resolve);
        }
    }

    @Test
    void nioAndTheValveNeedNoNio2() throws Exception {
        List<URL> urls = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            urls.add(Path.of(entry).toUri().toURL());
        }
        try (WithoutNio2 loader = new WithoutNio2(urls)) {
            for (Class<?> one : List.of(ConnectionLimitHttp11NioProtocol.class, ConnectionLimitValve.class)) {
                Class<?> loaded = loader.loadClass(one.getName());
                assertThat(loaded).isNotSameAs(one);
                // Reading all its methods resolves all their types.
                assertThat(loaded.getMethods()).isNotEmpty();
                assertThat(loaded.getConstructor().newInstance()).isNotNull();
            }
            assertThatThrownBy(() -> loader.loadClass(ConnectionLimitHttp11Nio2Protocol.class.getName()))
                    .isInstanceOf(NoClassDefFoundError.class);
        }
    }
}
