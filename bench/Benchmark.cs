namespace LoraAdmin.Bench;

/// <summary>One claim about speed, as a ratio to a reference that is measured in the same run: absolute figures say more about the machine.</summary>
internal abstract class Benchmark
{
    public abstract string Name { get; }

    public abstract string Summary { get; }

    /// <summary>The highest ratio that holds the claim.</summary>
    public abstract double Limit { get; }

    /// <summary>Prints what it measured.</summary>
    /// <returns>Our time ÷ the reference's.</returns>
    public abstract Task<double> RunAsync(TextWriter output);
}
