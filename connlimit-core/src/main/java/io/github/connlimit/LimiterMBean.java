package io.github.connlimit;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import javax.management.Attribute;
import javax.management.AttributeList;
import javax.management.AttributeNotFoundException;
import javax.management.DynamicMBean;
import javax.management.InvalidAttributeValueException;
import javax.management.JMException;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanException;
import javax.management.MBeanInfo;
import javax.management.ReflectionException;
import javax.management.StandardMBean;

/** A limiter in JMX: its figures, and its settings as attributes made from their declarations. Thread-safe. */
final class LimiterMBean implements DynamicMBean {

    private final ConnectionLimiter limiter;
    private final StandardMBean figures;
    private final MBeanInfo info;

    private LimiterMBean(ConnectionLimiter limiter) {
        this.limiter = limiter;
        figures = new StandardMBean(new LimiterFigures(limiter), ConnectionLimiterMXBean.class, true);
        MBeanInfo ofFigures = figures.getMBeanInfo();
        info = new MBeanInfo(
                LimiterMBean.class.getName(),
                "Figures and settings of a connection limiter",
                Stream.concat(
                                Stream.of(ofFigures.getAttributes()),
                                Stream.of(Settings.values()).map(LimiterMBean::attribute))
                        .toArray(MBeanAttributeInfo[]::new),
                ofFigures.getConstructors(),
                ofFigures.getOperations(),
                ofFigures.getNotifications(),
                ofFigures.getDescriptor());
    }

    /** Declared as the interface: whoever verifies the caller's class then need not load this one. */
    static DynamicMBean of(ConnectionLimiter limiter) {
        return new LimiterMBean(limiter);
    }

    private static MBeanAttributeInfo attribute(Settings setting) {
        return new MBeanAttributeInfo(
                attributeName(setting),
                (isNative(setting) ? setting.type() : String.class).getName(),
                setting.description() + ". Allowed: " + setting.allowed() + ". Default: " + setting.defaultText(),
                true,
                true,
                setting.type() == boolean.class);
    }

    private static String attributeName(Settings setting) {
        return Character.toUpperCase(setting.key().charAt(0)) + setting.key().substring(1);
    }

    /** Whether JMX has a type for the values; the others are text. */
    private static boolean isNative(Settings setting) {
        return setting.type().isPrimitive();
    }

    private static Optional<Settings> setting(String attribute) {
        return Stream.of(Settings.values())
                .filter(setting -> attributeName(setting).equals(attribute))
                .findFirst();
    }

    @Override
    public MBeanInfo getMBeanInfo() {
        return info;
    }

    @Override
    public Object getAttribute(String attribute)
            throws AttributeNotFoundException, MBeanException, ReflectionException {
        Optional<Settings> setting = setting(attribute);
        return setting.isPresent() ? value(setting.get()) : figures.getAttribute(attribute);
    }

    private Object value(Settings setting) {
        Object value = limiter.limits().get(setting);
        return isNative(setting) ? value : setting.print(value);
    }

    @Override
    public void setAttribute(Attribute attribute)
            throws AttributeNotFoundException, InvalidAttributeValueException, MBeanException, ReflectionException {
        Optional<Settings> setting = setting(attribute.getName());
        if (setting.isPresent()) {
            set(setting.get(), attribute.getValue());
        } else {
            figures.setAttribute(attribute);
        }
    }

    private void set(Settings setting, Object value) throws InvalidAttributeValueException {
        if (!hasType(setting, value)) {
            throw new InvalidAttributeValueException(setting.key() + ": " + value + " is not allowed; "
                    + (isNative(setting) ? setting.type() : String.class).getName() + ": " + setting.allowed());
        }
        limiter.reconfigure(limits -> isNative(setting)
                ? limits.toBuilder().set(setting, value).build()
                : limits.toBuilder().set(setting.key(), (String) value).build());
    }

    private static boolean hasType(Settings setting, Object value) {
        if (isNative(setting)) {
            return setting.type() == boolean.class ? value instanceof Boolean : value instanceof Integer;
        }
        return value instanceof String;
    }

    @Override
    public AttributeList getAttributes(String[] names) {
        AttributeList found = new AttributeList();
        for (String name : names) {
            try {
                found.add(new Attribute(name, getAttribute(name)));
            } catch (JMException | RuntimeException missing) {
                // Its absence tells the caller, by the contract of this method.
            }
        }
        return found;
    }

    @Override
    public AttributeList setAttributes(AttributeList attributes) {
        AttributeList set = new AttributeList();
        for (Attribute attribute : List.copyOf(attributes.asList())) {
            try {
                setAttribute(attribute);
                set.add(new Attribute(attribute.getName(), getAttribute(attribute.getName())));
            } catch (JMException | RuntimeException refused) {
                // Its absence tells the caller, by the contract of this method.
            }
        }
        return set;
    }

    @Override
    public Object invoke(String operation, Object[] arguments, String[] signature)
            throws MBeanException, ReflectionException {
        return figures.invoke(operation, arguments, signature);
    }
}
