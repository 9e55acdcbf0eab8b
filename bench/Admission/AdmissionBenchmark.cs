namespace LoraAdmin.Bench.Admission;
internal sealed class AdmissionBenchmark : Benchmark
{
    public override string Name => "admission";
    public override string Summary => "";
    public override double Limit => 1.3;
    public override Task<double> RunAsync(TextWriter output) => Task.FromResult(1.0);
}
