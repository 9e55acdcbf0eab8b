using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using LoraAdmin.Platform;
using LoraAdmin.Platform.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

public sealed class LocalCloudJournalTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("localcloud-").FullName;

    private string JournalPath => Path.Combine(folder, "localcloud", "journal.jsonl");

    [Fact]
    public async Task Restart_WhileTraining_TrainingWentOn()
    {
        string id;
        using FileLocalCloudJournal first = new(JournalPath);
        using TestCloud before = new(first);
        id = await before.TrainingAsync();
        first.Dispose();
        before.Pass(TimeSpan.FromMinutes(13));

        using FileLocalCloudJournal second = new(JournalPath);
        using TestCloud after = new(second, clock: before.Clock);
        JsonObject status = await after.AgentStatusAsync(id);
        Assert.Equal("validating", (string)status["phase"]!);
        Assert.Equal([0, 1], status["images_held"]!.AsArray().Select(number => (int)number!));
    }

    [Fact]
    public async Task Restart_AfterLongAbsence_DeadManFiredAndDollarsRan()
    {
        using FileLocalCloudJournal first = new(JournalPath);
        using TestCloud before = new(first);
        string id = await before.TrainingAsync();
        DateTimeOffset lastCall = before.Clock.GetUtcNow();
        first.Dispose();
        before.Pass(TimeSpan.FromDays(2));

        using FileLocalCloudJournal second = new(JournalPath);
        using TestCloud after = new(second, clock: before.Clock);
        JsonNode pod = (await after.TruthAsync())["pods"]![0]!;
        Assert.Equal(new StatusChange(lastCall.AddMinutes(20), "EXITED"), after.World.Find(id)!.History[^1]);
        decimal running = (28m / 60 * 0.40m) + (28 * 60 * 70 * 0.10m / (30 * 86400));
        decimal stopped = ((2 * 86400) - (20 * 60)) * 40 * 0.20m / (30 * 86400);
        Assert.Equal(running + stopped, (decimal)pod["usd"]!, 5);
    }

    [Fact]
    public async Task Restart_Always_TruthCoversTheWholeLife()
    {
        using FileLocalCloudJournal first = new(JournalPath);
        using TestCloud before = new(first);
        string gone = await before.CreateAsync("gone");
        await before.RunPodAsync(HttpMethod.Delete, $"/pods/{gone}");
        await before.CreateAsync("alive");
        JsonObject truth = await before.TruthAsync();
        first.Dispose();

        using FileLocalCloudJournal second = new(JournalPath);
        using TestCloud after = new(second, clock: before.Clock);
        Assert.Equal(truth.ToJsonString(), (await after.TruthAsync()).ToJsonString());
    }

    [Fact]
    public async Task Restart_WithFaults_FailsOnInTheSameWindows()
    {
        using FileLocalCloudJournal first = new(JournalPath);
        using TestCloud before = new(first);
        await before.CreateAsync();
        await before.ControlAsync(HttpMethod.Post, "/faults", new JsonObject { ["kind"] = "list_empty", ["seconds"] = 100 });
        await before.ControlAsync(HttpMethod.Post, "/faults", new JsonObject { ["kind"] = "create_500", ["count"] = 2, ["match"] = "x-" });
        Assert.Equal(0, await ListedAsync(before));
        await before.RunPodAsync(HttpMethod.Post, "/pods", TestCloud.Order("x-1"));
        first.Dispose();
        before.Pass(TimeSpan.FromSeconds(99));

        using FileLocalCloudJournal second = new(JournalPath);
        using TestCloud after = new(second, clock: before.Clock);
        Assert.Equal(0, await ListedAsync(after));
        after.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(1, await ListedAsync(after));
        Fault left = Assert.Single(after.World.Faults.Pending);
        Assert.Equal((FaultKind.Create500, 1, "x-"), (left.Kind, left.Remaining, left.Match));
        await after.ControlAsync(HttpMethod.Delete, "/faults");
        second.Dispose();

        using FileLocalCloudJournal third = new(JournalPath);
        using TestCloud last = new(third, clock: before.Clock);
        Assert.Empty(last.World.Faults.Pending);

        static async Task<int> ListedAsync(TestCloud cloud)
        {
            using HttpResponseMessage listed = await cloud.RunPodAsync(HttpMethod.Get, "/pods");
            return (await TestCloud.JsonAsync(listed))["pods"]!.AsArray().Count;
        }
    }

    [Fact]
    public async Task Restart_WithWhatATrainingWillComeTo_ComesToIt()
    {
        using FileLocalCloudJournal first = new(JournalPath);
        using TestCloud before = new(first);
        before.World.Faults.Add(FaultKind.ArtifactNotSafetensors);
        before.World.Faults.Add(FaultKind.ValidationFails);
        string id = await before.TrainingAsync();
        first.Dispose();
        before.Pass(TimeSpan.FromMinutes(14));

        using FileLocalCloudJournal second = new(JournalPath);
        using TestCloud after = new(second, clock: before.Clock);
        JsonObject status = await after.AgentStatusAsync(id);
        byte[] file = await after.ArtifactAsync(id);
        Assert.Equal("PK"u8, file.AsSpan(0, 2));
        Assert.Equal((string)status["artifact"]!["sha256"]!, Convert.ToHexStringLower(SHA256.HashData(file)));
        using HttpResponseMessage image = await after.AgentAsync(HttpMethod.Get, id, "/validation/2");
        Assert.InRange(double.Parse(image.Headers.GetValues("X-Validation-Score").Single(), CultureInfo.InvariantCulture), 0.0, 0.5999);
        second.Dispose();

        using FileLocalCloudJournal third = new(JournalPath);
        PodRecord pod = Assert.Single(third.Load().Pods);
        Assert.Equal((string)status["artifact"]!["sha256"]!, pod.Agent.ArtifactSha256);
    }

    [Fact]
    public async Task Restart_WithACorruptImage_TheSameImageStaysCorrupt()
    {
        using FileLocalCloudJournal first = new(JournalPath);
        using TestCloud before = new(first);
        before.World.Faults.Add(FaultKind.ImageCorrupt);
        Assert.NotNull(await TakeAsync(before, "lora-training-images/a/0"));
        first.Dispose();

        using FileLocalCloudJournal second = new(JournalPath);
        using TestCloud after = new(second, clock: before.Clock);
        Assert.Null(await TakeAsync(after, "lora-training-images/a/1"));
        Assert.NotNull(await TakeAsync(after, "lora-training-images/a/0"));

        static Task<StoreFault?> TakeAsync(TestCloud cloud, string image) =>
            cloud.Face.TakeStoreFaultAsync([FaultKind.ImageCorrupt], image, CancellationToken.None);
    }

    [Fact]
    public async Task Restart_BeforeALatePodAppears_ItAppearsOnTime()
    {
        using FileLocalCloudJournal first = new(JournalPath);
        using TestCloud before = new(first);
        before.World.Faults.Add(FaultKind.CreateHangThenLate, seconds: 120);
        await Assert.ThrowsAsync<TaskCanceledException>(() => before.RunPodAsync(HttpMethod.Post, "/pods", TestCloud.Order("late")));
        DateTimeOffset due = before.Clock.GetUtcNow().AddSeconds(120);
        first.Dispose();
        before.Pass(TimeSpan.FromSeconds(60));

        using FileLocalCloudJournal second = new(JournalPath);
        using TestCloud after = new(second, clock: before.Clock);
        Assert.Empty(after.World.Pods);
        after.Pass(TimeSpan.FromSeconds(90));
        await after.TruthAsync();
        PodRecord pod = Assert.Single(after.World.Alive);
        Assert.Equal(("late", new StatusChange(due, "PROVISIONING")), (pod.Name, pod.History[0]));
    }

    [Fact]
    public async Task Restart_BeforeALateTrainingAppears_ItAppearsOnTime()
    {
        using FileLocalCloudJournal first = new(JournalPath);
        using TestCloud before = new(first);
        before.World.Faults.Add(FaultKind.ReplicateCreateHangThenLate, seconds: 120);
        await Assert.ThrowsAsync<TaskCanceledException>(() => before.ReplicateAsync(HttpMethod.Post, ReplicateOrders.TrainPath, ReplicateOrders.Train()));
        DateTimeOffset due = before.Clock.GetUtcNow().AddSeconds(120);
        first.Dispose();
        before.Pass(TimeSpan.FromSeconds(60));

        using FileLocalCloudJournal second = new(JournalPath);
        using TestCloud after = new(second, clock: before.Clock);
        Assert.Empty(after.World.Replicate.Records);
        after.Pass(TimeSpan.FromSeconds(90));
        await after.TruthAsync();
        Assert.Equal(new StatusChange(due, ReplicateStatus.Starting), Assert.Single(after.World.Replicate.Records).History[0]);
    }

    [Fact]
    public async Task Kill_AtAnyByte_RestartsWithEveryWholeLine()
    {
        using (FileLocalCloudJournal journal = new(JournalPath))
        {
            using TestCloud cloud = new(journal);
            string id = await cloud.CreateAsync("one");
            await cloud.RunPodAsync(HttpMethod.Post, $"/pods/{id}/action", new JsonObject { ["action"] = "stop" });
            await cloud.CreateAsync("two");
        }

        byte[] whole = await File.ReadAllBytesAsync(JournalPath);
        for (int length = 0; length <= whole.Length; length += 7)
        {
            await File.WriteAllBytesAsync(JournalPath, whole[..length]);
            int pods = Encoding.UTF8.GetString(whole, 0, length).Split('\n')[..^1].Count(line => line.StartsWith("{\"pod\"", StringComparison.Ordinal));
            using FileLocalCloudJournal journal = new(JournalPath);
            Assert.InRange(journal.Load().Pods.Count, pods == 0 ? 0 : 1, Math.Min(pods, 2));
        }
    }

    [Fact]
    public async Task Load_LineBrokenInTheMiddle_RefusesAndSaysWhatToDo()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(JournalPath)!);
        await File.WriteAllTextAsync(JournalPath, "{\"account\":{}}\n{\"pod\":{\"id\n{\"account\":{}}\n");
        using FileLocalCloudJournal journal = new(JournalPath);
        StartupRefusedException refused = Assert.Throws<StartupRefusedException>(journal.Load);
        Assert.Contains("Line 2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_JournalInUse_RefusesASecondProcess()
    {
        using FileLocalCloudJournal first = new(JournalPath);
        using TestCloud cloud = new(first);
        await cloud.CreateAsync();
        using FileLocalCloudJournal second = new(JournalPath);
        StartupRefusedException refused = Assert.Throws<StartupRefusedException>(second.Load);
        Assert.Equal("Data:Path", refused.Key);
    }

    [Fact]
    public async Task Append_ManyChanges_FileStaysSmallAndComplete()
    {
        const int limit = 32 * 1024;
        string id;
        using (FileLocalCloudJournal journal = new(JournalPath, limit))
        {
            using TestCloud cloud = new(journal);
            id = await cloud.TrainingAsync();
            for (int i = 0; i < 200; i++)
            {
                cloud.Pass(TimeSpan.FromSeconds(1));
                await cloud.AgentStatusAsync(id);
            }

            Assert.InRange(new FileInfo(JournalPath).Length, 1, limit * 2);
        }

        using FileLocalCloudJournal again = new(JournalPath);
        Assert.Equal(id, Assert.Single(again.Load().Pods).Id);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
