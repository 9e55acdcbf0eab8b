using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Bench.Admission;

/// <summary>A catalog with one price, and rules by which a job reserves exactly <see cref="AdmissionRound.Estimate"/>.</summary>
internal sealed class AdmissionPrices : IGpuCatalog
{
    private const string Gpu = "NVIDIA A40";

    public static TrainingRules Training { get; } = new()
    {
        MaxDuration = TimeSpan.FromHours(1),
        CreateRetries = [],
        ImageRetries = 3,
        UploadRetries = 3,
        RetrieveWithin = TimeSpan.Zero,
        QueueWait = TimeSpan.FromHours(1),
        PollEvery = TimeSpan.FromSeconds(5),
        StuckAfter = TimeSpan.FromMinutes(10),
        MinImages = 1,
        MaxImages = 100,
        MaxImageBytes = 20_000_000,
        MaxImagePixels = 40_000_000,
        MaxArtifactBytes = 2_000_000_000,
        MaxConcurrentPods = 10,
        StoreTimeout = TimeSpan.FromMinutes(15),
        ImageRetention = TimeSpan.FromDays(7),
        ReadyWithin = TimeSpan.Zero,
        ValidationImages = 3,
        ValidationMustPass = 2,
        ValidationMinimumScore = 0.6,
        GpuTypes = [Gpu],
        Image = "trainer",
        DiskGb = 0,
        MountGb = 0,
        WorstHourlyPrice = AdmissionRound.Estimate,
    };

    public Task<CatalogReading> ReadAsync(CancellationToken cancellationToken) => Task.FromResult<CatalogReading>(
        new CatalogReading.Read([new GpuOffer(Gpu, "A40", 48, AdmissionRound.Estimate, InStock: true)], ReadAt));

    private static DateTimeOffset ReadAt { get; } = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
}
