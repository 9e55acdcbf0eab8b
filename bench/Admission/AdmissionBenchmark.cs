using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;

namespace LoraAdmin.Bench.Admission;

/// <summary>
/// 64 callers submit jobs at once: the desk with the real stores against the same transaction by hand, each on a database of its own. After each
/// round both databases are searched for an overshoot of budget or limits.
/// </summary>
internal sealed class AdmissionBenchmark : Benchmark
{
    private const int Rounds = 9;
    private const int WarmUpRounds = 2;

    public override string Name => "admission";

    public override string Summary => $"{AdmissionRound.Callers} callers submit training jobs of 8 images, against the same transaction by hand";

    public override double Limit => 1.3;

    public override async Task<double> RunAsync(TextWriter output)
    {
        double sqlite = await CompareAsync(DatabaseKind.Sqlite, output);
        double postgres = await CompareAsync(DatabaseKind.Postgres, output);
        await output.WriteLineAsync(FormattableString.Invariant($"  ratio on SQLite {sqlite:0.00}; on PostgreSQL, which counts, {postgres:0.00}"));
        return postgres;
    }

    private static async Task<double> CompareAsync(DatabaseKind kind, TextWriter output)
    {
        await using AdmissionSide desk = await AdmissionSide.OfDeskAsync(kind);
        await using AdmissionSide hand = await AdmissionSide.ByHandAsync(kind);
        Figures ours = new();
        Figures theirs = new();
        for (int round = -WarmUpRounds; round < Rounds; round++)
        {
            // In turns: what a round leaves behind for the next one (a checkpoint, a collection) falls on both alike.
            bool deskFirst = round % 2 == 0;
            await MeasureAsync(deskFirst ? desk : hand, deskFirst ? ours : theirs);
            await MeasureAsync(deskFirst ? hand : desk, deskFirst ? theirs : ours);

            async Task MeasureAsync(AdmissionSide side, Figures figures)
            {
                var (elapsed, latencies) = await side.RunAsync(new AdmissionRound(round + WarmUpRounds));
                if (round >= 0)
                {
                    figures.Add(elapsed, latencies);
                }
            }
        }

        string on = kind == DatabaseKind.Postgres ? "PostgreSQL" : "SQLite";
        await output.WriteLineAsync(ours.Describe($"desk, {on}"));
        await output.WriteLineAsync(theirs.Describe($"by hand, {on}"));
        await output.WriteLineAsync(
            $"  {Rounds + WarmUpRounds} rounds each: {AdmissionRound.Fit} of {AdmissionRound.Callers * AdmissionRound.CallsEach} admitted, no overshoot");
        return ours.Median / theirs.Median;
    }
}
