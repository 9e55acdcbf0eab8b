using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Tests.Architecture;

public sealed class DomainPurityTests
{
    [Fact]
    public void Domain_Assembly_ReferencesTheBaseClassLibraryAlone() => Rule.Holds(DomainPurity.OfAssembly(typeof(Usd).Assembly));

    [Fact]
    public void Domain_Project_ReferencesNothing() => Rule.Holds(DomainPurity.OfProject(Repository.Text("LoraAdmin.Domain/LoraAdmin.Domain.csproj")));

    [Fact]
    public void Host_AssemblyAsASample_IsCaught() =>
        Assert.Contains("LoraAdmin references Microsoft.EntityFrameworkCore", DomainPurity.OfAssembly(typeof(Features).Assembly));

    [Theory]
    [InlineData("<ItemGroup><PackageReference Include=\"Polly\" /></ItemGroup>", "PackageReference on Polly")]
    [InlineData("<ItemGroup><ProjectReference Include=\"../LoraAdmin/LoraAdmin.csproj\" /></ItemGroup>", "ProjectReference")]
    [InlineData("<ItemGroup><FrameworkReference Include=\"Microsoft.AspNetCore.App\" /></ItemGroup>", "FrameworkReference")]
    [InlineData("<PropertyGroup><NoWarn>$(NoWarn);RS0030</NoWarn></PropertyGroup>", "RS0030")]
    public void Project_WrongSample_IsCaught(string content, string named) =>
        Rule.Catches(named, DomainPurity.OfProject(new SourceFile("Sample.csproj", $"<Project Sdk=\"Microsoft.NET.Sdk\">{content}</Project>")));

    [Fact]
    public void Project_WithTheWebSdk_IsCaught() =>
        Rule.Catches("Microsoft.NET.Sdk.Web", DomainPurity.OfProject(new SourceFile("Sample.csproj", "<Project Sdk=\"Microsoft.NET.Sdk.Web\" />")));
}
