using System.Security.Cryptography;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.LocalCloud;
using LoraAdmin.Tests.Simulation.Memory;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What can befall a trained file and its validation images on their way, as our client and the spool see it.</summary>
[Trait("Requirement", "E3")]
public sealed class VendorFaultArtifactTests : IDisposable
{
    private const string Name = "job-1.safetensors";
    private const long Piece = 1000;

    private readonly FaultyAccount account = new();
    private readonly MemorySpool spool = new("disk-1");

    [Fact]
    [Trait("Fault", FaultKind.ArtifactTruncated)]
    public async Task ArtifactTruncated_Once_TheRangeBreaksOffInTheMiddleAndTheRestIsFetchedFromThere()
    {
        AgentAddress pod = await DoneAsync();
        ArtifactInfo artifact = (await account.AgentStatusAsync(pod)).Artifact!;
        account.Faults.Add(FaultKind.ArtifactTruncated);
        ArtifactRange range = await RangeAsync(pod, 0, Piece);
        Assert.Equal((Piece, artifact.SizeBytes), (range.LengthBytes, range.TotalBytes));

        SpoolOutcome broken = await spool.AppendAsync(Name, 0, range.Content, CancellationToken.None);

        Assert.Contains("broke off", Assert.IsType<SpoolOutcome.Broken>(broken).Reason, StringComparison.Ordinal);
        Assert.Equal(Piece / 2, await HaveAsync());
        Assert.Equal(artifact.Sha256, await FetchedAsync(pod, artifact));
    }

    [Fact]
    [Trait("Fault", FaultKind.ArtifactAltered)]
    public async Task ArtifactAltered_Once_TheFileIsAsLongAsAnnouncedWithAnotherSha256AndIsGoodTheNextTime()
    {
        AgentAddress pod = await DoneAsync();
        ArtifactInfo artifact = (await account.AgentStatusAsync(pod)).Artifact!;
        account.Faults.Add(FaultKind.ArtifactAltered);

        Assert.NotEqual(artifact.Sha256, await FetchedAsync(pod, artifact));

        Assert.Equal(artifact.SizeBytes, await HaveAsync());
        await spool.DeleteAsync(Name, CancellationToken.None);
        Assert.Equal(artifact.Sha256, await FetchedAsync(pod, artifact));
    }

    [Fact]
    [Trait("Fault", FaultKind.ArtifactNotSafetensors)]
    public async Task ArtifactNotSafetensors_OfTheNextTraining_IsAnnouncedTrulyAndIsNoSafetensorsFile()
    {
        account.Faults.Add(FaultKind.ArtifactNotSafetensors);
        AgentAddress pod = await DoneAsync();
        ArtifactInfo artifact = (await account.AgentStatusAsync(pod)).Artifact!;

        Assert.Equal(artifact.Sha256, await FetchedAsync(pod, artifact));
        Assert.IsType<SafetensorsVerdict.Bad>(await CheckedAsync(artifact));

        AgentAddress next = await DoneAsync("lora-0011aabb-c0ffee-2-1");
        await spool.DeleteAsync(Name, CancellationToken.None);
        ArtifactInfo good = (await account.AgentStatusAsync(next)).Artifact!;
        Assert.Equal(good.Sha256, await FetchedAsync(next, good));
        Assert.IsType<SafetensorsVerdict.Good>(await CheckedAsync(good));
    }

    [Theory]
    [Trait("Fault", FaultKind.ArtifactSlow)]
    [InlineData(null)]
    [InlineData(99.0)]
    [InlineData(100.0)]
    public async Task ArtifactSlow_Once_TheRangeIsUnreachableAndTheNextOneComes(double? seconds)
    {
        AgentAddress pod = await DoneAsync();
        account.Faults.Add(FaultKind.ArtifactSlow, seconds: seconds);

        AgentReply<ArtifactRange> late = await account.Agent.ReadArtifactAsync(pod, 0, Piece, CancellationToken.None);

        Assert.Equal(AgentFailure.Unreachable, late.Failure);
        ArtifactInfo artifact = (await account.AgentStatusAsync(pod)).Artifact!;
        Assert.Equal(artifact.Sha256, await FetchedAsync(pod, artifact));
    }

    [Fact]
    [Trait("Requirement", "E5")]
    [Trait("Fault", FaultKind.ValidationFails)]
    public async Task ValidationFails_OfTheNextTraining_EveryImageScoresBelowTheThreshold()
    {
        account.Faults.Add(FaultKind.ValidationFails, match: "c0ffee-1-");
        Assert.All(await ScoresAsync(await DoneAsync()), static score => Assert.InRange(score, 0.0, 0.5999));
        Assert.All(await ScoresAsync(await DoneAsync("lora-0011aabb-c0ffee-2-1")), static score => Assert.InRange(score, 0.6, 1.0));
    }

    [Fact]
    public async Task ArtifactAltered_WithSecondsAndAMatch_HitsEveryRangeOfThatPodInTheWindow()
    {
        AgentAddress pod = await DoneAsync();
        ArtifactInfo artifact = (await account.AgentStatusAsync(pod)).Artifact!;
        account.Faults.Add(FaultKind.ArtifactAltered, match: "other-pod", seconds: 60);
        Assert.Equal(artifact.Sha256, await FetchedAsync(pod, artifact));
        await spool.DeleteAsync(Name, CancellationToken.None);
        account.Faults.Add(FaultKind.ArtifactAltered, match: FaultyAccount.Name, seconds: 60);
        byte[] first = await BytesAsync(pod);
        account.Pass(TimeSpan.FromSeconds(59));
        Assert.Equal(first, await BytesAsync(pod));
        account.Pass(TimeSpan.FromSeconds(1));
        byte[] whole = await BytesAsync(pod);
        Assert.Equal([(int)Piece / 2], Enumerable.Range(0, first.Length).Where(at => first[at] != whole[at]));
    }

    public void Dispose() => account.Dispose();

    /// <summary>A pod whose training and validating are over.</summary>
    private async Task<AgentAddress> DoneAsync(string name = FaultyAccount.Name)
    {
        AgentAddress pod = await account.TrainingAsync(name);
        account.Pass(account.Cloud.Options.Training + account.Cloud.Options.Validation);
        Assert.Equal(AgentPhase.Done, (await account.AgentStatusAsync(pod)).Phase);
        return pod;
    }

    private async Task<ArtifactRange> RangeAsync(AgentAddress pod, long offset, long length) =>
        (await account.Agent.ReadArtifactAsync(pod, offset, length, CancellationToken.None)).Value!;

    private async Task<byte[]> BytesAsync(AgentAddress pod)
    {
        await using Stream content = (await RangeAsync(pod, 0, Piece)).Content;
        byte[] bytes = new byte[Piece];
        await content.ReadExactlyAsync(bytes);
        return bytes;
    }

    private async Task<long> HaveAsync() =>
        await spool.FindAsync(Name, CancellationToken.None) is SpoolReading<SpoolFile>.Found found ? found.Value.LengthBytes : 0;

    /// <summary>Fetches what is missing in the spool, and tells the SHA-256 of what is there then.</summary>
    private async Task<string> FetchedAsync(AgentAddress pod, ArtifactInfo artifact)
    {
        for (long have = await HaveAsync(); have < artifact.SizeBytes; have = await HaveAsync())
        {
            await using Stream content = (await RangeAsync(pod, have, Math.Min(Piece, artifact.SizeBytes - have))).Content;
            Assert.IsType<SpoolOutcome.Done>(await spool.AppendAsync(Name, have, content, CancellationToken.None));
        }

        return Convert.ToHexStringLower(SHA256.HashData(await ContentAsync()));
    }

    private async Task<Stream> ContentAsync() =>
        Assert.IsType<SpoolReading<Stream>.Found>(await spool.OpenAsync(Name, CancellationToken.None)).Value;

    private async Task<SafetensorsVerdict> CheckedAsync(ArtifactInfo artifact) =>
        await Safetensors.CheckAsync(await ContentAsync(), artifact.SizeBytes, CancellationToken.None);

    private async Task<List<double>> ScoresAsync(AgentAddress pod)
    {
        List<double> scores = [];
        for (int number = 0; number < 3; number++)
        {
            scores.Add((await account.Agent.ReadValidationAsync(pod, number, CancellationToken.None)).Value!.Score);
        }

        return scores;
    }
}
