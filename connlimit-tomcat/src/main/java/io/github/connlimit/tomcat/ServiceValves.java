package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionLimiter;
import java.util.Optional;
import java.util.stream.Stream;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.apache.catalina.Container;
import org.apache.catalina.Pipeline;
import org.apache.catalina.Service;

/**
 * Finds the Valves that limit a Service. A protocol does not know its Service; Tomcat's own beans do it as here, by the
 * object behind the Service's name. Without JMX it is for the Valve alone to find the protocols.
 */
final class ServiceValves {

    private ServiceValves() {}

    /**
     * The limiter of the Service that a protocol belongs to.
     *
     * @param server {@code null} if Tomcat runs without JMX
     * @return empty if there is no Valve, or none that has been started
     * @throws IllegalStateException if there is a Valve that could not be started
     */
    static Optional<ConnectionLimiter> limiterOf(MBeanServer server, ObjectName protocol) {
        if (server == null || protocol == null) {
            return Optional.empty();
        }
        Object service;
        try {
            service = server.getAttribute(new ObjectName(protocol.getDomain() + ":type=Service"), "managedResource");
        } catch (JMException notRegistered) {
            return Optional.empty();
        }
        return service instanceof Service known
                ? valves(known)
                        .map(ConnectionLimitValve::serviceLimiter)
                        .flatMap(Optional::stream)
                        .findFirst()
                : Optional.empty();
    }

    /** The Valves on the Engine of a Service, its Hosts and their Contexts. */
    static Stream<ConnectionLimitValve> valves(Service service) {
        Container engine = service.getContainer();
        return engine == null ? Stream.empty() : containers(engine).flatMap(ServiceValves::own);
    }

    /** A container and all that is in it. */
    static Stream<Container> containers(Container top) {
        return Stream.concat(Stream.of(top), Stream.of(top.findChildren()).flatMap(ServiceValves::containers));
    }

    private static Stream<ConnectionLimitValve> own(Container container) {
        Pipeline pipeline = container.getPipeline();
        return Stream.of(pipeline.getValves())
                .filter(ConnectionLimitValve.class::isInstance)
                .map(ConnectionLimitValve.class::cast);
    }
}
