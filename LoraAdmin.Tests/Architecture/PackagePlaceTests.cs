namespace LoraAdmin.Tests.Architecture;

public sealed class PackagePlaceTests
{
    [Fact]
    public void Packages_OfTheProduct_StayInTheirPlaces() => Rule.Holds(PackagePlaces.Problems(Repository.Product));

    [Fact]
    public void Packages_OfTheTable_AreUsed() => Rule.Holds(PackagePlaces.Unused(Repository.Product));

    [Theory]
    [InlineData("LoraAdmin/Pods/PodWatchService.cs", "using Microsoft.EntityFrameworkCore;", "EF Core")]
    [InlineData("LoraAdmin/Portal.cs", "class A { Npgsql.NpgsqlConnection? b; }", "EF Core")]
    [InlineData("LoraAdmin/Training/TrainingPage.razor", "@using Microsoft.Data.Sqlite", "EF Core")]
    [InlineData("LoraAdmin/Training/TrainingStore.cs", "using StackExchange.Redis;", "Redis")]
    [InlineData("LoraAdmin/Training/TrainingStore.cs", "using MudBlazor;", "MudBlazor")]
    [InlineData("LoraAdmin/Platform/Web/A.cs", "using MudBlazor;", "MudBlazor")]
    [InlineData("LoraAdmin/Training/UploadStaging.cs", "using SkiaSharp;", "SkiaSharp")]
    public void Package_OutsideItsPlace_IsCaught(string path, string text, string named) =>
        Rule.Catches(named, PackagePlaces.Problems([new SourceFile(path, text)]));

    [Theory]
    [InlineData("LoraAdmin/Training/TrainingStoreLeases.cs", "using Microsoft.EntityFrameworkCore;")]
    [InlineData("LoraAdmin/Pods/PodLedger.cs", "using Microsoft.EntityFrameworkCore;")]
    [InlineData("LoraAdmin/Training/TrainingPage.razor.cs", "using MudBlazor;")]
    [InlineData("LoraAdmin/Platform/Web/SecurityHeaders.cs", "// MudBlazor writes style attributes.")]
    public void Package_InItsPlace_Passes(string path, string text) => Rule.Holds(PackagePlaces.Problems([new SourceFile(path, text)]));

    [Fact]
    public void Package_ThatNobodyUses_IsCaught() => Assert.NotEmpty(PackagePlaces.Unused([new SourceFile("A.cs", "")]));
}
