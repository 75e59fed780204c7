import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeHint;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.CheckpointingMode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** The job on Flink: exactly once, logins decoded in the source, windows added up locally first. */
public final class FlinkLogins {
  private static final long CHECKPOINT_MS = 1_000; // as often as the Python flow's snapshots

  private FlinkLogins() {}

  public static void main(String[] arguments) throws Exception {
    Configuration configuration = new Configuration();
    configuration.setString("taskmanager.memory.network.max", "64mb");
    StreamExecutionEnvironment env =
        StreamExecutionEnvironment.createLocalEnvironment(2, configuration);
    env.getConfig().enableObjectReuse();
    env.enableCheckpointing(CHECKPOINT_MS, CheckpointingMode.EXACTLY_ONCE);
    DataStream<Login> logins =
        env.fromSource(source(), WatermarkStrategy.noWatermarks(), "read", Types.GENERIC(Login.class));
    logins.sinkTo(outputs());
    TypeInformation<Tuple2<Long, byte[]>> part =
        TypeInformation.of(new TypeHint<Tuple2<Long, byte[]>>() {});
    logins
        .transform("minutes", part, new Minutes())
        .keyBy(one -> one.f0)
        .process(new Merge())
        .sinkTo(insights());
    env.execute("logins");
  }

  private static KafkaSource<Login> source() {
    return KafkaSource.<Login>builder()
        .setBootstrapServers(System.getenv("KAFKA_BOOTSTRAP_SERVERS"))
        .setTopics(System.getenv("INPUT_TOPIC"))
        .setGroupId(System.getenv("KAFKA_GROUP_ID"))
        .setStartingOffsets(OffsetsInitializer.earliest())
        .setBounded(OffsetsInitializer.latest())
        .setProperty("max.poll.records", "5000")
        .setProperty("isolation.level", "read_committed")
        .setProperty("max.partition.fetch.bytes", "4000000")
        .setDeserializer(new Decode())
        .build();
  }

  private static KafkaSink<Login> outputs() {
    String topic = System.getenv("OUTPUT_TOPIC");
    return sink("logins", (login, context, time) ->
        new ProducerRecord<>(topic, login.userId.getBytes(), login.json()));
  }

  private static KafkaSink<Tuple2<byte[], byte[]>> insights() {
    String topic = System.getenv("INSIGHTS_TOPIC");
    return sink("insights", (one, context, time) -> new ProducerRecord<>(topic, one.f0, one.f1));
  }

  private static <T> KafkaSink<T> sink(String name, KafkaRecordSerializationSchema<T> schema) {
    Properties properties = new Properties();
    properties.setProperty("compression.type", "lz4");
    properties.setProperty("linger.ms", "100");
    properties.setProperty("batch.size", "262144");
    properties.setProperty("buffer.memory", "134217728");
    properties.setProperty("transaction.timeout.ms", "60000");
    return KafkaSink.<T>builder()
        .setBootstrapServers(System.getenv("KAFKA_BOOTSTRAP_SERVERS"))
        .setRecordSerializer(schema)
        .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
        .setTransactionalIdPrefix(System.getenv("KAFKA_GROUP_ID") + "-" + name)
        .setKafkaProducerConfig(properties)
        .build();
  }

  /** Reads logins from records. */
  private static final class Decode implements KafkaRecordDeserializationSchema<Login> {
    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Login> out) {
      Login login = Login.read(record.value(), record.timestamp());
      if (login != null) {
        out.collect(login);
      }
    }

    @Override
    public TypeInformation<Login> getProducedType() {
      return Types.GENERIC(Login.class);
    }
  }

  /** Adds up logins by window where they are read; what is new goes on before each checkpoint. */
  private static final class Minutes extends AbstractStreamOperator<Tuple2<Long, byte[]>>
      implements OneInputStreamOperator<Login, Tuple2<Long, byte[]>>, BoundedOneInput {
    private transient Map<Long, Minute> minutes;

    @Override
    public void open() throws Exception {
      super.open();
      minutes = new HashMap<>();
    }

    @Override
    public void processElement(StreamRecord<Login> element) {
      Login login = element.getValue();
      minutes.computeIfAbsent(Minute.start(login.timestamp), any -> new Minute()).add(login);
    }

    @Override
    public void prepareSnapshotPreBarrier(long checkpointId) {
      hand();
    }

    @Override
    public void endInput() {
      hand();
    }

    private void hand() {
      minutes.forEach(
          (start, minute) -> output.collect(new StreamRecord<>(Tuple2.of(start, minute.bytes()))));
      minutes.clear();
    }
  }

  /** Merges the parts of a window, and writes what they add up to. */
  private static final class Merge
      extends KeyedProcessFunction<Long, Tuple2<Long, byte[]>, Tuple2<byte[], byte[]>> {
    private transient ValueState<byte[]> whole;

    @Override
    public void open(Configuration parameters) {
      whole =
          getRuntimeContext()
              .getState(
                  new ValueStateDescriptor<>(
                      "whole", PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
    }

    @Override
    public void processElement(
        Tuple2<Long, byte[]> part, Context context, Collector<Tuple2<byte[], byte[]>> out)
        throws Exception {
      Minute minute = Minute.of(part.f1);
      if (whole.value() != null) {
        minute.merge(Minute.of(whole.value()));
      }
      whole.update(minute.bytes());
      out.collect(Tuple2.of(Minute.key(part.f0), minute.json(part.f0)));
    }
  }
}
